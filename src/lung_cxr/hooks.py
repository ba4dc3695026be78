"""Hooks: what must be said at the end of a run."""


class FailedRunsHook:
    """Ends a command non-zero when a training run failed."""
