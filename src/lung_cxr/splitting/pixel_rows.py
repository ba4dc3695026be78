"""One pixel array and the list of the images in its rows."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from lung_cxr.splitting.growing_array import GrowingArray, committed_rows
from lung_cxr.splitting.stored_images import RESIZE_METHOD, StoredImageError, read_stored

log = logging.getLogger(__name__)

CHECKED_ROWS = 8  # known rows that are compared with the stored images in every run
ROW_COLUMNS = ["image_id", "pixel_sha256", "method"]  # equal values: equal pixels


class PixelRows:
    """Update `pixels_<size>.npy` and its list `pixels_<size>.rows.parquet` to the rows of the split.

    The list is written before its rows become visible, so that every visible row is named after any kill. If the
    wanted rows begin with the known rows, the file grows in place. Otherwise a new file with the known rows is written
    and replaces the old file at the end.

    Args:
        folder: Folder of both files.
        size: Side of an image, in pixels.
        images: `image_id, pixel_sha256` of the wanted rows, in order.
    """

    def __init__(self, folder: Path, size: int, images: pd.DataFrame):
        self.size = size
        self.path = folder / f"pixels_{size}.npy"
        self._list = folder / f"pixels_{size}.rows.parquet"
        self._wanted = images[["image_id", "pixel_sha256"]].assign(method=RESIZE_METHOD)
        known = self._known()
        source = pd.MultiIndex.from_frame(known).get_indexer(pd.MultiIndex.from_frame(self._wanted))
        in_place = np.array_equal(source[: len(known)], np.arange(len(known)))
        self.new = source < 0  # (N,) bool: rows to decode
        self.complete = in_place and len(known) == len(images)
        self.rows = len(known) if in_place else 0  # rows that are in their place
        self._in_place = in_place
        self._source = source
        self._old = np.load(self.path, mmap_mode="r") if len(known) else np.empty((0, size, size), np.uint8)
        self._growing: GrowingArray | None = None

    def _known(self) -> pd.DataFrame:
        """Return the content of the committed rows, in order."""
        rows = committed_rows(self.path, self.size)
        nothing = pd.DataFrame(columns=ROW_COLUMNS, dtype="str")
        if not rows and self.path.exists() and self.path.stat().st_size:
            log.warning("%s is damaged; this run rebuilds it", self.path)
        if not rows or not self._list.exists():
            return nothing
        try:
            return pd.read_parquet(self._list).iloc[:rows]
        except (OSError, ValueError):  # ArrowInvalid is a ValueError
            log.warning("%s is damaged; this run rebuilds it and %s", self._list, self.path.name)
            return nothing

    @property
    def _target(self) -> Path:
        return self.path if self._in_place else self.path.with_suffix(".npy.new")

    def holds_other_pixels(self, image_paths: "pd.Series[str]", image_folder: Path) -> bool:
        """Return whether some known rows differ from the stored images: the file of other data was copied here.

        Args:
            image_paths: Paths of the wanted rows, relative to `image_folder`.
            image_folder: Folder of the stored images.
        """
        known = np.flatnonzero(~self.new)
        for row in known[np.unique(np.linspace(0, len(known) - 1, CHECKED_ROWS).astype(int))] if len(known) else ():
            with suppress(StoredImageError):  # known rows need no stored image
                stored = read_stored(image_folder / image_paths.iloc[row], [self.size])[self.size]
                if not np.array_equal(self._old[self._source[row]], stored):
                    return True
        return False

    def write(self, row: int, decoded: Mapping[int, np.ndarray]) -> None:
        """Append a missing row from the old array, or else from `decoded` (size → (size, size) uint8)."""
        if row < self.rows:
            return
        if self._growing is None:
            self._growing = GrowingArray(self._target, self.size, keep=self.rows)
        known = self._source[row]
        self._growing.append(self._old[known] if known >= 0 else decoded[self.size])
        self.rows += 1

    def commit(self) -> None:
        """Make the rows so far permanent if the file grows in place."""
        if self._in_place and self._growing is not None:
            self._write_list()
            self._growing.commit()

    def finish(self) -> None:
        """Make the complete array visible to readers."""
        self.commit()
        if self._growing is not None and not self._in_place:
            self._growing.commit()
            self._list.unlink(missing_ok=True)  # never the list of one array beside another
            self._target.replace(self.path)
            self._write_list()
        if self._growing is not None:
            self._growing.close()

    def _write_list(self) -> None:
        temporary = self._list.with_suffix(".new")
        with temporary.open("wb") as file:
            self._wanted.iloc[: self.rows].to_parquet(file, index=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._list)
