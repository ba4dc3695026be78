"""The mirror of this process, taken when it is first needed."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from lung_cxr.mirror.mirror import Mirror
from lung_cxr.mirror.place import mirrors_folder, take_mirror
from lung_cxr.mirror.selection import Selection
from lung_cxr.mirror.store import is_remote

_taken: dict[int, tuple[Mirror, FileLock]] = {}  # by process: a forked one does not share its parent's
_taking = threading.Lock()
_loading = threading.local()

log = logging.getLogger(__name__)


def current() -> Mirror:
    """Return this process's mirror."""
    with _taking:
        if os.getpid() not in _taken:
            folder, lock = take_mirror(mirrors_folder())
            _taken[os.getpid()] = Mirror(folder), lock
        return _taken[os.getpid()][0]


def taken() -> Mirror | None:
    """Return this process's mirror; None where nothing was ever in a store."""
    return _taken[os.getpid()][0] if os.getpid() in _taken else None


def give_back() -> None:
    """Leave the mirror to the next process, as the end of this one would."""
    if os.getpid() in _taken:
        mirror, lock = _taken.pop(os.getpid())
        mirror.close()
        lock.release()


def fetch_later(later: bool) -> None:
    """Let folders of a store be loaded without being fetched: a hook does that when it knows for which node.

    Args:
        later: From now on, in this thread.
    """
    _loading.later = later


def is_fetched_later() -> bool:
    """Whether a folder that is loaded now is fetched by a hook."""
    return getattr(_loading, "later", False)


def local_folder(path: str, patterns: list[str] | None = None, as_is: bool = False) -> Path:
    """Return a folder of the catalogue on this machine: itself, or where it is in a store, its copy.

    Args:
        path: As the catalogue has it.
        patterns: `Selection`s of what the copy must have; None: everything.
        as_is: As in `Mirror.pull`.
    """
    if not is_remote(path):
        return Path(path)
    return current().pull(path, Selection(patterns), as_is)


@contextmanager
def sent_in_order(path: str) -> Iterator[Path]:
    """Give the folder to write to; in a store, all that was changed before is there before what the block writes.

    Args:
        path: As the catalogue has it.
    """
    if not is_remote(path):
        yield Path(path)
        return
    mirror = current()
    mirror.push()
    mirror.share(path, in_background=False)
    yield mirror.path(path)
    mirror.push()
