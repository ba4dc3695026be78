"""Where the mirrors of this machine are: one for each process that works with a store at the same time."""

import os
import shutil
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

VARIABLE = "LUNG_CXR_MIRROR"


def mirrors_folder() -> Path:
    """Return the folder of all mirrors: `LUNG_CXR_MIRROR`, else `lung_cxr/mirror` in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get(VARIABLE) or cache / "lung_cxr" / "mirror")


def take_mirror(folder: Path) -> tuple[Path, FileLock]:
    """Return the first mirror that no other process has, and its lock; the system frees it when the process ends.

    Args:
        folder: Of all mirrors; made if need be, readable by its owner alone.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in count():
        lock = FileLock(folder / f"{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        return folder / str(number), lock
    raise AssertionError  # count() does not end


def clear_idle_mirrors(folder: Path) -> tuple[int, int]:
    """Delete every mirror that no process has; return how many, and how many are in use and stay."""
    deleted = used = 0
    for path in sorted(folder.glob("*.lock")):
        try:
            with FileLock(path).acquire(timeout=0):
                mirror = path.with_suffix("")
                deleted += mirror.is_dir()
                shutil.rmtree(mirror, ignore_errors=False) if mirror.is_dir() else None
        except Timeout:
            used += 1
    return deleted, used
