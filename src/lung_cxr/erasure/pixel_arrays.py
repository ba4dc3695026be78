"""Delete pixel arrays that hold erased images; the next run of splitting rebuilds them."""

from pathlib import Path

import pandas as pd

from lung_cxr.splitting.growing_array import cut_uncommitted
from lung_cxr.splitting.pixels import ARRAYS


def erase_pixels(pixel_folder: Path, image_ids: set[str]) -> int:
    """Delete every pixel array that may hold one of these images; return the number of deleted arrays.

    Unlisted rows and unfinished files of killed runs are deleted from the other arrays. The list of rows is deleted
    last, so that a killed erasure finds the same arrays again.

    Args:
        pixel_folder: `05_model_input`.
        image_ids: Ids of the erased images.
    """
    deleted = 0
    for array in sorted({*pixel_folder.glob("pixels_*.npy"), *_arrays_of_lists(pixel_folder)}):
        rows = array.with_suffix(".rows.parquet")
        for unfinished in (array.with_suffix(".npy.new"), rows.with_suffix(".new")):
            unfinished.unlink(missing_ok=True)
        if rows.exists() and not pd.read_parquet(rows, columns=["image_id"])["image_id"].isin(image_ids).any():
            if array.exists():
                cut_uncommitted(array, int(array.stem.removeprefix("pixels_")))
            continue
        for path in (pixel_folder / ARRAYS, array, rows):
            path.unlink(missing_ok=True)
        deleted += 1
    return deleted


def _arrays_of_lists(pixel_folder: Path) -> list[Path]:
    return [
        path.with_name(path.name.replace(".rows.parquet", ".npy"))
        for path in pixel_folder.glob("pixels_*.rows.parquet")
    ]
