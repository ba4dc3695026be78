"""Pixel arrays for training: `pixels_<size>.npy`, one row per image, in the order of the split."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from lung_cxr.progress import follow
from lung_cxr.splitting.pixel_rows import PixelRows
from lung_cxr.splitting.split import split_sha256
from lung_cxr.splitting.stored_images import RESIZE_METHOD, read_stored

log = logging.getLogger(__name__)

ARRAYS = "pixel_arrays.json"
QUALITY = "quality_reference.json"
COMMIT_EVERY = 1_000  # images: a kill costs at most about ten seconds of decoding


def grow_pixel_arrays(
    split: pd.DataFrame,
    manifest: pd.DataFrame,
    image_folder: Path,
    pixel_folder: Path,
    *,
    sizes: Iterable[int],
    workers: int,
) -> dict[str, dict[str, Any]]:
    """Update the pixel array of every size to the split; each new image is decoded once for all sizes.

    Images added to the split are appended to the files. If rows were removed or changed, the array is rebuilt from the
    old array and only new images are decoded. The next run continues the arrays of a killed run.

    Args:
        split: The split; its rows give the order of the arrays.
        manifest: The image manifest, for `pixel_sha256` and `image_path`.
        image_folder: The folder that `image_path` is relative to.
        pixel_folder: Folder of the arrays.
        sizes: Sides in pixels; any order, repeated or not.
        workers: Threads that decode; -1: all cores.

    Returns:
        Size (as text) → `rows`, `sha256` (see `pixels_sha256`), `split_sha256` (of the split in the array), `file`.

    Raises:
        StoredImageError: An image of the manifest is missing or damaged.
    """
    images = manifest.set_index("image_id").loc[split["image_id"], ["pixel_sha256", "image_path"]].reset_index()
    arrays = [_opened(pixel_folder, size, images, image_folder) for size in sorted(set(sizes))]
    known = _recorded_hashes(pixel_folder, split_sha256(split), arrays)
    _fill([array for array in arrays if not array.complete], images["image_path"], image_folder, workers)
    for array in arrays:
        log.info("pixels_%d: %s new of %s rows", array.size, f"{array.new.sum():,}", f"{len(images):,}")
    of_split = split_sha256(split)
    return {
        str(array.size): {
            "rows": len(images),
            "sha256": known.get(array.size) or pixels_sha256(images, array.size),
            "split_sha256": of_split,
            "file": array.path.name,
        }
        for array in arrays
    }


def _opened(pixel_folder: Path, size: int, images: pd.DataFrame, image_folder: Path) -> PixelRows:
    """Open the array of a size; an array of other pixels than the stored images is deleted first."""
    array = PixelRows(pixel_folder, size, images)
    if not array.holds_other_pixels(images["image_path"], image_folder):
        return array
    log.warning("%s holds other pixels than the stored images; this run rebuilds it", array.path)
    array.path.unlink()
    return PixelRows(pixel_folder, size, images)


def open_pixels(pixel_folder: Path, size: int) -> np.memmap:
    """Return the pixel array of a size, memory-mapped and read-only: uint8 (N, size, size), 0 black, in split order.

    Raises:
        FileNotFoundError: There is no array of this size.
    """
    path = pixel_folder / f"pixels_{size}.npy"
    if not path.exists():
        found_arrays = ", ".join(sorted(found.name for found in pixel_folder.glob("pixels_*.npy"))) or "none"
        raise FileNotFoundError(
            f"No {path.name}; found {found_arrays}. Run `kedro run --pipelines splitting` to build it."
        )
    return np.load(path, mmap_mode="r")


def stored_quality(pixel_folder: Path) -> dict[str, Any] | None:
    """Return the distribution of the QC metrics that splitting wrote; None for a catalogue from before it."""
    path = pixel_folder / QUALITY
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def pixels_sha256(images: pd.DataFrame, size: int) -> str:
    """Return the hash of the content of an array, 64 hex digits: ids and pixel hashes in order, size, resize method."""
    digest = hashlib.sha256(f"{RESIZE_METHOD}\n{size}\n".encode())
    rows = images["image_id"] + " " + images["pixel_sha256"]
    digest.update("\n".join(rows.tolist()).encode())
    return digest.hexdigest()


def _recorded_hashes(pixel_folder: Path, split_hash: str, arrays: list[PixelRows]) -> dict[int, str]:
    """Return size → recorded hash, if no array changes: it stays the same after `pixel_sha256` became keyed.

    Otherwise the record is deleted before an array changes, so that no killed run leaves the hash of other pixels.
    """
    path = pixel_folder / ARRAYS
    if not path.exists():
        return {}
    if not all(array.complete for array in arrays):
        path.unlink()
        return {}
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # damaged: the hashes are computed again
        return {}
    return {int(size): one["sha256"] for size, one in recorded.items() if one["split_sha256"] == split_hash}


def _fill(arrays: list[PixelRows], image_paths: pd.Series, image_folder: Path, workers: int) -> None:
    """Write the missing rows of every array in one pass through the split."""
    if not arrays:
        return
    new = np.logical_or.reduce([array.new for array in arrays])
    paths = [image_folder / path for path in image_paths[new]]
    decoded = _decode(paths, [array.size for array in arrays], workers)
    rows = range(min(array.rows for array in arrays), len(image_paths))
    for row in follow(rows, "Pixel arrays", len(rows)):
        pixels = next(decoded) if new[row] else {}
        for array in arrays:
            array.write(row, pixels)
        if (row + 1) % COMMIT_EVERY == 0:
            for array in arrays:
                array.commit()
    for array in arrays:
        array.finish()


def _decode(paths: list[Path], sizes: list[int], workers: int) -> Iterator[dict[int, np.ndarray]]:
    """Yield decoded images in order. Pillow releases the GIL while it decodes, so threads suffice."""
    pool = joblib.Parallel(n_jobs=workers, prefer="threads", return_as="generator")
    return iter(pool(joblib.delayed(read_stored)(path, sizes) for path in paths))
