"""Pixel arrays without the images of patients who withdraw: dropped, so that the next splitting makes them anew."""

from pathlib import Path

import pandas as pd

from lung_cxr.splitting.growing_array import cut_uncommitted

ARRAYS = "pixel_arrays.json"


def erase_pixels(pixel_folder: Path, image_ids: set[str]) -> int:
    """Delete every pixel array that may hold one of these images; return how many.

    Of the others, what a killed run left unlisted goes: a half laid array, and rows behind the last one. What names the
    rows goes last, so that a run that is killed in between finds the same arrays again.

    Args:
        pixel_folder: `05_model_input`.
        image_ids: Images that must not be in any of them.
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
