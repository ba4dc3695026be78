"""End a failed command with one sentence and its exit code; log the traceback, without variables, at level DEBUG."""

import logging
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from types import TracebackType

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DatasetError

from lung_cxr.atomic import FULL
from lung_cxr.exit_codes import ExitCode

PACKAGE = __name__.partition(".")[0]
INVALID_SETTING = re.compile(  # one of Pydantic's errors in the message of Kedro's ParameterValidationError
    r"^(?P<name>[\w.]+)\n +(?:Value error, )?(?P<message>.+?) \[type=\w+.*$", re.MULTILINE
)
INVALID_GROUP = re.compile(r"^- Parameter '(?P<group>[^']+)'", re.MULTILINE)
REPEATING_LOGGERS = ("kedro.pipeline.node", "kedro.validation.parameter_validator")  # they log the same error

log = logging.getLogger(__name__)


class CommandErrorHook:
    """Replaces the traceback and the exit code 1 with which Kedro ends every failed command."""

    @hook_impl
    def after_context_created(self) -> None:
        """Take over the display of uncaught exceptions, only if this process runs a command (not in a notebook)."""
        if click.get_current_context(silent=True):
            sys.excepthook = show_error
            for repeated in REPEATING_LOGGERS:
                logging.getLogger(repeated).addFilter(_is_no_error)


def show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an uncaught exception as one sentence to stderr and end the process with its exit code.

    Kedro raises every error of a command to the top, so `sys.excepthook` is the only place to set an exit code.

    Raises:
        SystemExit: With the `ExitCode` of the error.
    """
    if not isinstance(error, Exception):
        sys.__excepthook__(kind, error, trace)
        return
    log.debug("Traceback of the error", exc_info=(kind, error, trace))
    click.echo(f"\nError: {sentence(error)}", err=True)
    sys.exit(exit_code_of(error))


def sentence(error: BaseException) -> str:
    """Return the message of the project's own error in the chain of causes, else the error's kind and message."""
    if own := next((cause for cause in _chain(error) if _is_own(cause)), None):
        return str(own)
    if type(error).__name__ == "ParameterValidationError":
        return _invalid_settings(str(error))
    hint = f"(for the traceback, set `{PACKAGE}: {{level: DEBUG}}` in conf/logging.yml)"
    return f"{type(error).__name__}: {error} {hint}"


def exit_code_of(error: BaseException) -> ExitCode:
    """Return the exit code that an error in the chain of causes states; see `ExitCode` for errors without one."""
    causes = list(_chain(error))
    if stated := next((cause.exit_code for cause in causes if hasattr(cause, "exit_code")), None):
        return ExitCode(stated)
    if any(isinstance(cause, OSError) and cause.errno in FULL for cause in causes):
        return ExitCode.DISK
    is_input = type(error).__name__ == "ParameterValidationError" or any(map(_is_own, causes))
    return ExitCode.INPUT if is_input else ExitCode.INTERNAL


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_own(error: BaseException) -> bool:
    """Return True if this package defines the exception's class or raised it itself."""
    if type(error).__module__.partition(".")[0] == PACKAGE:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    is_raised_here = trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith(f"{PACKAGE}.")
    kinds = ValueError | RuntimeError | OSError | DatasetError
    return is_raised_here and isinstance(error, kinds) and len(error.args) == 1


def _invalid_settings(message: str) -> str:
    """Return `<group>.<name>: <what is wrong>` of each invalid setting, instead of Pydantic's report."""
    starts = [match.start() for match in INVALID_GROUP.finditer(message)] + [len(message)]
    blocks = [message[start:end] for start, end in pairwise(starts)]
    found = [
        f"{group['group']}.{setting['name']}: {setting['message']}"
        for block in blocks
        if (group := INVALID_GROUP.match(block))
        for setting in INVALID_SETTING.finditer(block)
    ]
    return f"Invalid settings in conf/. {'; '.join(found)}" if found else message


def _is_no_error(record: logging.LogRecord) -> bool:
    """Return False for Kedro's report of an error that ends the command: `show_error` prints it."""
    return record.levelno < logging.ERROR
