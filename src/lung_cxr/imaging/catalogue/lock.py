"""One writer of the catalogue at a time: a second refresh, or a command that rewrites the catalogue, is refused."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

PATIENCE = 2.0  # seconds: a training that begins only looks at the lock, and gives it back at once
LOCK = "ingestion.lock"  # in 02_intermediate; stays there, and says nothing where nobody holds it


FINGERPRINT = "key_fingerprint.txt"  # in 02_intermediate
HALF_CHANGED = r"[0-9a-f]{32}>[0-9a-f]{32}"  # what it says while the key is being changed


class HalfChangedError(Exception):
    """The key of the catalogue is being changed; whatever reads it now would take one patient for two."""

    def __init__(self) -> None:
        super().__init__(
            "A change of the key was begun and not finished: part of the catalogue has its new names. Give `make "
            "rotate-key` again, with the same two secrets; until then nothing else may run"
        )


def refuse_half_changed(fingerprint: str | None) -> None:
    """Let nothing run between the two halves of a change of the key.

    Args:
        fingerprint: What the catalogue keeps of its key; None where there is no catalogue.

    Raises:
        HalfChangedError: It was begun and not finished.
    """
    if fingerprint and re.fullmatch(HALF_CHANGED, fingerprint.strip()):
        raise HalfChangedError


class CatalogueInUseError(Exception):
    """Another process is writing the catalogue; the message says which and since when."""


@contextmanager
def sole_writer(intermediate: Path) -> Iterator[None]:
    """Hold the catalogue's lock for the length of a block.

    The system gives a lock back when its process ends, however it ends: nothing has to be tidied up after a kill. Two
    that wait for each other would process the same export twice, so the second is refused, after two seconds.

    Args:
        intermediate: `02_intermediate`; made if need be.

    Raises:
        CatalogueInUseError: Another process holds it.
    """
    intermediate.mkdir(parents=True, exist_ok=True)
    path = intermediate / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise CatalogueInUseError(
            f"{_holder(path)} is writing this catalogue; expected nobody. Let it finish (or end it: what it has done "
            "stays, and the next run goes on from there), then give the command again"
        ) from None
    try:
        path.write_text(f"Process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,", encoding="utf-8")
        yield
    finally:
        lock.release()


def _holder(path: Path) -> str:
    """Who wrote its number into the lock last."""
    return path.read_text(encoding="utf-8") or "Another process"
