"""The error of an extraction that cannot give a snapshot."""

from lung_cxr.exit_codes import ExitCode


class ExtractionError(Exception):
    """Queries, paths or files cannot become a snapshot; the message holds no value of a row.

    Args:
        message: Finding, expectation and remedy.
        exit_code: Exit code of the command.
    """

    def __init__(self, message: str, exit_code: ExitCode = ExitCode.INPUT):
        super().__init__(message)
        self.exit_code = exit_code
