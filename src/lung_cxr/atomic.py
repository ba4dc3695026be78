"""Write files and folders atomically: a reader finds the complete file or the one before."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lung_cxr.exit_codes import ExitCode

UNFINISHED = ".unfinished-"  # beginning of a temporary name
FULL = (errno.ENOSPC, errno.EDQUOT)  # disk full, or the user's quota is used up


class DiskFullError(OSError):
    """The disk is full, or the user's quota is used up; the message names the folder."""

    exit_code = ExitCode.DISK


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path; it replaces `path` when the block ends without an error.

    The temporary name keeps the suffix, because some writers choose the format by it. Missing folders are created. The
    bytes are flushed to the disk before the rename, so that a power cut leaves no empty file.

    Raises:
        DiskFullError: The disk is full; `path` keeps its former content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    try:
        with name_full_disk(path):
            yield unfinished
            with unfinished.open("rb") as file:
                os.fsync(file.fileno())
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder; it gets the name `path` when the block ends without an error.

    Its name begins with a dot, and a kill leaves it behind. All files are flushed to the disk before the rename.

    Args:
        path: Folder that does not exist yet.

    Raises:
        DiskFullError: The disk is full.
    """
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    unfinished.mkdir(parents=True)
    try:
        with name_full_disk(path):
            yield unfinished
            for written in unfinished.rglob("*"):
                if written.is_file():
                    with written.open("rb") as file:
                        os.fsync(file.fileno())
            unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def name_full_disk(path: Path) -> Iterator[None]:
    """Name the path in the error of a full disk: the operating system does not.

    Args:
        path: File that the block writes.

    Raises:
        DiskFullError: The disk is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL or isinstance(error, DiskFullError):
            raise
        raise DiskFullError(
            error.errno, f"The disk of {path} is full. Free space on it, then run the command again"
        ) from None
