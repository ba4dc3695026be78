"""Features on disk, one slot per image; the first run that needs a slot computes it.

The files may be deleted between runs; they are then computed again. A slot counts only after its checksum is written,
and the checksum follows the features, so a kill leaves no half-written slot. The checksum is compared when a process
first reads the slot. Two runs that write the same slot at once write the same values but for rounding.
"""

import errno
import hashlib
import logging
import os
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lung_cxr.parameters import FrozenPrefixParameters

log = logging.getLogger(__name__)

WRITTEN = np.uint64(1 << 32)  # added to a slot's CRC-32, so that no checksum of a written slot is 0
GIB = 2**30


class FeatureStore:
    """An array (slots, …) in a file; any slot may still be empty.

    Args:
        folder: Folder of this store only.
        slots: Number of slots.
        shape: Shape of one slot.
        dtype: Type of its numbers.
    """

    def __init__(self, folder: Path, slots: int, shape: tuple[int, ...], dtype: np.dtype):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.full = False
        self._slot_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        with (folder / "features").open("ab") as file:
            file.truncate(slots * self._slot_bytes)  # sparse: an empty slot takes no disk space
        with (folder / "checksums").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, slots * WRITTEN.itemsize)
        self._features = np.memmap(folder / "features", dtype, "r", shape=(slots, *shape))
        self._checksums = np.memmap(folder / "checksums", WRITTEN.dtype, "r+", shape=(slots,))
        self._checked = np.zeros(slots, dtype=bool)
        self._file = os.open(folder / "features", os.O_WRONLY)
        os.utime(folder)  # `make_room` deletes the least recently used store first

    def missing(self, slots: np.ndarray) -> np.ndarray:
        """Return the slots of (n,) `slots` that are empty or damaged, each once, ascending."""
        return np.unique(slots[~self.holds(slots)])

    def holds(self, slots: np.ndarray) -> np.ndarray:
        """Return (n,) bool: whether each of (n,) slots has its features."""
        unchecked = np.unique(slots[~self._checked[slots]])
        self._checked[unchecked] = [self._is_sound(slot) for slot in unchecked]
        damaged = unchecked[(self._checksums[unchecked] != 0) & ~self._checked[unchecked]]
        if len(damaged):
            log.warning("%s: %d features are damaged and will be computed again", self.folder, len(damaged))
            self._checksums[damaged] = 0  # now empty: no second warning
        return self._checked[slots]

    def put(self, slots: np.ndarray, features: np.ndarray) -> None:
        """Store (n, …) features of (n,) slots; on a full disk, log one warning and store nothing more."""
        if self.full:
            return
        for slot, values in zip(slots, np.ascontiguousarray(features), strict=True):
            content = values.tobytes()
            try:
                _write(self._file, content, int(slot) * self._slot_bytes)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                self.full = True
                log.warning("The disk of %s is full: no more features are cached; training continues", self.folder)
                return
            self._checksums[slot] = WRITTEN | np.uint64(zlib.crc32(content))
            self._checked[slot] = True

    def take(self, slots: np.ndarray) -> np.ndarray:
        """Return (n, …) features of (n,) slots that are not missing."""
        return self._features[slots]

    def close(self) -> None:
        """Close the files."""
        os.close(self._file)
        del self._features, self._checksums

    def _is_sound(self, slot: int) -> bool:
        checksum = self._checksums[slot]
        return bool(checksum) and checksum == WRITTEN | np.uint64(zlib.crc32(self._features[slot].tobytes()))


@dataclass(frozen=True)
class FeatureFolder:
    """The cached features of one backbone.

    Features belong to images, not to subsets: all folds of a cross-validation share them.

    Attributes:
        path: Folder with `<prefix>/<kind>` below it.
        pixel_sha256: Hash of the pixel array.
        budget: Limits of the cache.
    """

    path: Path
    pixel_sha256: str
    budget: FrozenPrefixParameters

    def open(
        self, prefix: str, kind: str, facts: Sequence[object], slots: int, shape: tuple[int, ...], dtype: np.dtype
    ) -> FeatureStore:
        """Open the store of one kind of images behind one prefix; create it if needed.

        Args:
            prefix: Hash of the frozen layers' function.
            kind: Kind of images; readable part of the folder's name.
            facts: Meaning of the slots, beyond the images.
            slots, shape, dtype: As in `FeatureStore`.
        """
        key = hashlib.sha256(repr((self.pixel_sha256, *facts)).encode()).hexdigest()
        return FeatureStore(self.path / prefix[:16] / f"{kind}_{key[:16]}", slots, shape, dtype)

    def make_room(self, size: int) -> None:
        """Delete the least recently used stores until `size` more bytes are within the budget."""
        stores = sorted(
            (path for path in self.path.glob("*/*") if path.is_dir()), key=lambda path: path.stat().st_mtime
        )
        sizes = [_bytes_on_disk(path) for path in stores]
        taken = sum(sizes)
        for path, its_size in zip(stores, sizes, strict=True):
            if taken + size <= self.budget.disk_gib * GIB:
                return
            shutil.rmtree(path)
            taken -= its_size


def _bytes_on_disk(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.iterdir())


def _write(file: int, content: bytes, offset: int) -> None:
    """Write at an offset. A memory map would not do: on a full disk it kills the process (SIGBUS)."""
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
