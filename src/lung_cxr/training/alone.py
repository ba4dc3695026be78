"""One process at a time: on a cluster, a worker that was given up may still be at the run that its successor begins."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger(__name__)


@contextmanager
def alone(place: Path, what: str) -> Iterator[None]:
    """Wait until no other process is in a block of the same place; the system lets go for a process that ends.

    Args:
        place: What the block writes; the lock is a hidden file beside it.
        what: For the log, where somebody has to wait.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(place.with_name(f".{place.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process is at it; waiting for it to end", what)
        lock.acquire(poll_interval=1)
    try:
        yield
    finally:
        lock.release()
