"""Locks between processes, with one of two policies: refuse a second process, or let it wait for the first.

The operating system releases a lock when its process ends, also when it is killed: nothing has to be cleaned up.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from lung_cxr.exit_codes import ExitCode

log = logging.getLogger(__name__)

REFUSE_AFTER_SECONDS = 2.0  # a training that starts only tests the lock and releases it at once
CATALOGUE_LOCK = "ingestion.lock"  # in 02_intermediate; the file stays and has no meaning while no process holds it


class CatalogueInUseError(Exception):
    """Another process is writing the catalogue; the message names the process and its start time."""

    exit_code = ExitCode.IN_USE


@contextmanager
def catalogue_lock(intermediate: Path) -> Iterator[None]:
    """Hold the lock of the catalogue for the length of a block; policy `refuse`.

    Two refreshes that wait for each other would process the same export twice, so the second is refused.

    Args:
        intermediate: `02_intermediate`; created if it does not exist.

    Raises:
        CatalogueInUseError: Another process holds the lock.
    """
    intermediate.mkdir(parents=True, exist_ok=True)
    path = intermediate / CATALOGUE_LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=REFUSE_AFTER_SECONDS)
    except Timeout:
        holder = path.read_text(encoding="utf-8") or "Another process"
        raise CatalogueInUseError(
            f"{holder} is writing this catalogue; only one process may. Wait until it ends, or stop it (finished work "
            "is kept, the next run continues from there), then run the command again"
        ) from None
    try:
        path.write_text(f"Process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,", encoding="utf-8")
        yield
    finally:
        lock.release()


def refuse_while_written(intermediate: Path) -> None:
    """Check that no refresh is writing the split that a command is about to read.

    Args:
        intermediate: `02_intermediate`; created if it does not exist.

    Raises:
        CatalogueInUseError: Another process holds the catalogue's lock.
    """
    with catalogue_lock(intermediate):
        return


@contextmanager
def wait_lock(path: Path, title: str) -> Iterator[None]:
    """Hold the lock of a file or folder for the length of a block; policy `wait`.

    On a cluster, a worker that was given up may still train when its successor starts.

    Args:
        path: The file or folder that the block writes; the lock is a hidden file beside it.
        title: Name of the work, for the log.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s is locked by another process; waiting", title)
        lock.acquire(poll_interval=1)
    try:
        yield
    finally:
        lock.release()
