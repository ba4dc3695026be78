"""Exit codes of all commands, for cron and systemd; docs/operations.md explains what to do for each."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of a command.

    An error of this package has an attribute `exit_code`; without one, it stands for `INPUT`. Any other error is
    `INTERNAL`. 2 is click's code for an unknown option.
    """

    GOOD = 0
    INTERNAL = 1
    USAGE = 2
    FAULTS = 3
    DECISION = 4
    IN_USE = 5
    KEY = 6
    DISK = 7
    INPUT = 8
    TRAINING = 9

    @property
    def meaning(self) -> str:
        """Return the code in words."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.GOOD: "good",
    ExitCode.INTERNAL: "unexpected error, or interrupted",
    ExitCode.USAGE: "unknown option",
    ExitCode.FAULTS: "too many faults",
    ExitCode.DECISION: "a person must decide",
    ExitCode.IN_USE: "catalogue in use",
    ExitCode.KEY: "pseudonymisation key refused",
    ExitCode.DISK: "disk full",
    ExitCode.INPUT: "exports, lists, settings or stored state",
    ExitCode.TRAINING: "training runs failed",
}
