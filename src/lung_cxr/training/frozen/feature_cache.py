"""Features on disk, one cell for each image: computed once, by whichever run comes first.

Files may be deleted between runs and are made again. A cell counts once its checksum is written, after its bytes, so
that a kill leaves no half-written one; it is compared when a process first reads the cell. What two runs write at once
is the same but for rounding.
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

WRITTEN = np.uint64(1 << 32)  # beside a cell's CRC-32
GIB = 2**30


class FeatureStore:
    """An array (cells, …) of which any cell may still be empty.

    Args:
        folder: Of this store alone.
        cells: Number of cells.
        shape: Of one cell.
        dtype: Of its numbers.
    """

    def __init__(self, folder: Path, cells: int, shape: tuple[int, ...], dtype: np.dtype):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.full = False
        self._cell_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        with (folder / "features").open("ab") as file:
            file.truncate(cells * self._cell_bytes)  # sparse: an empty cell takes no room
        with (folder / "checksums").open("ab") as file:
            os.posix_fallocate(file.fileno(), 0, cells * WRITTEN.itemsize)
        self._features = np.memmap(folder / "features", dtype, "r", shape=(cells, *shape))
        self._checksums = np.memmap(folder / "checksums", WRITTEN.dtype, "r+", shape=(cells,))
        self._checked = np.zeros(cells, dtype=bool)
        self._file = os.open(folder / "features", os.O_WRONLY)
        os.utime(folder)  # for `make_room`: used last

    def missing(self, cells: np.ndarray) -> np.ndarray:
        """Return those of `cells` that are empty or damaged, each once, ascending."""
        return np.unique(cells[~self.holds(cells)])

    def holds(self, cells: np.ndarray) -> np.ndarray:
        """Return (n,) bool: whether each of (n,) cells has its features."""
        unchecked = np.unique(cells[~self._checked[cells]])
        self._checked[unchecked] = [self._is_sound(cell) for cell in unchecked]
        return self._checked[cells]

    def put(self, cells: np.ndarray, features: np.ndarray) -> None:
        """Keep the features of some cells; where the disk is full, keep nothing more, and say so once."""
        if self.full:
            return
        for cell, values in zip(cells, np.ascontiguousarray(features), strict=True):
            content = values.tobytes()
            try:
                _write(self._file, content, int(cell) * self._cell_bytes)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                    raise
                self.full = True
                log.warning("The disk is full: features of the frozen layers are computed anew from here on")
                return
            self._checksums[cell] = WRITTEN | np.uint64(zlib.crc32(content))
            self._checked[cell] = True

    def take(self, cells: np.ndarray) -> np.ndarray:
        """Return (n, …) features of cells that are not missing."""
        return self._features[cells]

    def close(self) -> None:
        """Let go of the files."""
        os.close(self._file)
        del self._features, self._checksums

    def _is_sound(self, cell: int) -> bool:
        checksum = self._checksums[cell]
        return bool(checksum) and checksum == WRITTEN | np.uint64(zlib.crc32(self._features[cell].tobytes()))


@dataclass(frozen=True)
class FeatureFolder:
    """The kept features of one backbone.

    Attributes:
        path: Folder; `<prefix>/<kind>` below it.
        data_sha256: Of the pixels and the split.
        budget: How much may be kept.
    """

    path: Path
    data_sha256: str
    budget: FrozenPrefixParameters

    def open(
        self, prefix: str, kind: str, facts: Sequence[object], cells: int, shape: tuple[int, ...], dtype: np.dtype
    ) -> FeatureStore:
        """Open the store of some images behind one prefix, new or as an earlier run left it.

        Args:
            prefix: Hash of what is computed.
            kind: Of images; for people who look into the folder.
            facts: What its cells mean, besides the data.
            cells, shape, dtype: Of the store.
        """
        key = hashlib.sha256(repr((self.data_sha256, *facts)).encode()).hexdigest()
        return FeatureStore(self.path / prefix[:16] / f"{kind}_{key[:16]}", cells, shape, dtype)

    def make_room(self, size: int) -> None:
        """Delete the stores that were used longest ago, until `size` more bytes are within the budget."""
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
    """Write at an offset. Not through the memory map: on a full disk that kills the process (SIGBUS)."""
    view = memoryview(content)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
