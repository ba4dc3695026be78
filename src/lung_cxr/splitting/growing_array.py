"""A `.npy` file to which rows are appended in place."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from lung_cxr.atomic import name_full_disk


class GrowingArray:
    """Append rows to a file of uint8 (rows, size, size); a kill never leaves the file broken.

    Rows are written behind the last row; `commit` then rewrites the header in one write, after the rows are on disk.
    Until then readers see the old array. numpy pads every header so that the first axis can grow to 21 digits: the
    header keeps its length.

    Args:
        path: The file; created if missing.
        size: Side of an image, pixels.
        keep: Number of first rows of the existing file to keep; at most its `committed_rows`.
    """

    def __init__(self, path: Path, size: int, keep: int):
        self.rows = keep
        self._size, self._path = size, path
        self._file = path.open("r+b" if keep else "w+b")
        header = _header(keep, size)
        if not keep:
            self._file.write(header)
        self._file.seek(len(header) + keep * size**2)

    def append(self, image: np.ndarray) -> None:
        """Write one image, (size, size) uint8, behind the last one."""
        if image.shape != (self._size, self._size) or image.dtype != np.uint8:
            raise ValueError(f"Found {image.dtype} {image.shape}, expected uint8 {(self._size, self._size)}")
        with name_full_disk(self._path):
            self._file.write(image.tobytes())
        self.rows += 1

    def commit(self) -> None:
        """Make every appended row visible to readers."""
        end = self._file.tell()
        self._to_disk()
        self._file.seek(0)
        self._file.write(_header(self.rows, self._size))
        self._to_disk()
        self._file.seek(end)

    def close(self) -> None:
        """Close the file; rows since the last `commit` stay invisible."""
        self._file.close()

    def _to_disk(self) -> None:
        with name_full_disk(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())


def committed_rows(path: Path, size: int) -> int:
    """Return the number of images of this size in the file; 0 without a file or with another header."""
    if not path.exists():
        return 0
    with path.open("rb") as file:
        start = file.read(len(_header(0, size)))
    rows = _stated_rows(start)
    in_file = (path.stat().st_size - len(start)) // size**2  # fewer than stated in a truncated copy
    return min(rows, in_file) if start == _header(rows, size) else 0


def cut_uncommitted(path: Path, size: int) -> None:
    """Truncate the file behind its committed rows: images of a killed run that no list names."""
    rows = committed_rows(path, size)
    if rows:
        os.truncate(path, len(_header(rows, size)) + rows * size**2)


def _stated_rows(header: bytes) -> int:
    """Return the length of the first axis; 0 for an invalid header."""
    buffer = BytesIO(header)
    try:
        npy.read_magic(buffer)
        shape, _, _ = npy.read_array_header_1_0(buffer)
    except ValueError:
        return 0
    return shape[0] if shape else 0


def _header(rows: int, size: int) -> bytes:
    """Return the bytes in front of the first row."""
    buffer = BytesIO()
    description = {"descr": "|u1", "fortran_order": False, "shape": (rows, size, size)}
    npy.write_array_header_1_0(buffer, description)
    return buffer.getvalue()
