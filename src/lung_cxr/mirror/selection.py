"""Which files of a folder are wanted, and which are never in a store."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from lung_cxr.training.file_names import FROZEN_FEATURES

UNFINISHED = (".unfinished-*", ".*.tmp", "*.partial", "*.new", "*.lock")  # what a kill leaves behind, and locks


class Selection:
    """Names that match one of the patterns, and none of those that begin with "!"; `*` also stands for `/`.

    Args:
        patterns: None: every name.
    """

    def __init__(self, patterns: Iterable[str] | None = None):
        named = ["*"] if patterns is None else list(patterns)
        self._without = [pattern[1:] for pattern in named if pattern.startswith("!")]
        self._of = [pattern for pattern in named if not pattern.startswith("!")]

    def __contains__(self, name: str) -> bool:
        return any(fnmatchcase(name, one) for one in self._of) and not any(
            fnmatchcase(name, one) for one in self._without
        )


def is_unfinished(name: str) -> bool:
    """Whether a file is half written, or a lock: of no use to anybody else."""
    return any(fnmatchcase(PurePosixPath(name).name, pattern) for pattern in UNFINISHED)


def is_cache(name: str) -> bool:
    """Whether a file is a machine's own, large and quickly made anew."""
    return FROZEN_FEATURES in PurePosixPath(name).parts


def is_kept(name: str) -> bool:
    """Whether a file belongs into the store."""
    return not is_unfinished(name) and not is_cache(name)
