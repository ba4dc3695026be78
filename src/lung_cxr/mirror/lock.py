"""One writer of the catalogue at a time, where the catalogue is in a store of objects."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fsspec.core import url_to_fs

from lung_cxr.imaging.catalogue.lock import LOCK, CatalogueInUseError, sole_writer
from lung_cxr.mirror.store import delete, is_remote

Holder = dict[str, str | int]
"""`host`, `process` and `since` (UTC) of who holds a lock."""


@contextmanager
def sole_writer_of(intermediate: str) -> Iterator[None]:
    """Hold the catalogue's lock for the length of a block, wherever the catalogue is.

    In a store, the lock is an object that is written only if it is not there (a conditional PUT). Nobody takes it away
    when its holder is killed: the error says how.

    Args:
        intermediate: `02_intermediate`, as the catalogue has it.

    Raises:
        CatalogueInUseError: Another command holds it.
    """
    if not is_remote(intermediate):
        with sole_writer(Path(intermediate)):
            yield
        return
    url = _lock(intermediate)
    holder = {"host": socket.gethostname(), "process": os.getpid(), "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
    filesystem, place = url_to_fs(url)
    try:
        filesystem.pipe_file(place, json.dumps(holder).encode(), mode="create")
    except FileExistsError:
        raise CatalogueInUseError(_in_use(intermediate)) from None
    try:
        yield
    finally:
        if read_lock(intermediate) == holder:  # nobody took it away and began anew
            delete(url)


def refuse_while_written(intermediate: str) -> None:
    """Let nothing read the split while a refresh writes it.

    Args:
        intermediate: `02_intermediate`, as the catalogue has it.

    Raises:
        CatalogueInUseError: A command holds the catalogue's lock.
    """
    if not is_remote(intermediate):
        with sole_writer(Path(intermediate)):
            return
    if read_lock(intermediate):
        raise CatalogueInUseError(_in_use(intermediate))


def read_lock(intermediate: str) -> Holder | None:
    """Return who holds a store's lock; None where nobody does."""
    filesystem, place = url_to_fs(_lock(intermediate))
    try:
        return json.loads(filesystem.cat_file(place))
    except FileNotFoundError:
        return None


def remove_lock(intermediate: str) -> str:
    """Take away the lock of a command that was killed; return whose it was, in words."""
    holder = read_lock(intermediate)
    delete(_lock(intermediate))
    return f"The lock of {_named(holder)} is taken away" if holder else "Nobody holds a lock there"


def _lock(intermediate: str) -> str:
    return f"{intermediate.rstrip('/')}/{LOCK}"


def _named(holder: Holder) -> str:
    return f"Process {holder['process']} on machine {holder['host']}, since {holder['since']} UTC,"


def _in_use(intermediate: str) -> str:
    holder = read_lock(intermediate)
    return (
        f"{_named(holder) if holder else 'Another command'} is writing this catalogue; expected nobody. Let it finish, "
        "then give the command again. If it was killed, or its machine is gone, take its lock away first: "
        f"`python -m lung_cxr.mirror unlock {intermediate}`"
    )
