"""Erase patients from the stored catalogue: tables, journal, images and derived files.

Each function can be repeated: a killed erasure is completed by the next run.
"""

from pathlib import Path

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.erasure.keyed_tables import key_columns
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal

REFRESH_PAGE = "refresh_report.html"  # may show images
REVIEW_PAGE = "review.html"  # names images by their ids and may show them


def find_images(tables: list[Path], patient_keys: set[str]) -> set[str]:
    """Return the ids of all images of these patients in these tables; missing tables are skipped."""
    found = (pd.read_parquet(path, columns=["image_id", "patient_key"]) for path in tables if path.exists())
    return {image_id for table in found for image_id in table.loc[table["patient_key"].isin(patient_keys), "image_id"]}


def erase_rows(path: Path, keys: set[str]) -> int:
    """Rewrite a Parquet table without the rows that hold one of the keys; return the number of erased rows.

    Args:
        path: The table. It is not rewritten if no row holds a key.
        keys: Keys of patients, studies, images and files. Keys of different kinds are never equal.
    """
    columns = key_columns(path)
    if not columns:
        return 0
    hit = pd.read_parquet(path, columns=columns).isin(keys).any(axis=1).to_numpy()
    if hit.any():
        table = pd.read_parquet(path)[~hit].reset_index(drop=True)
        with atomic_write(path) as unfinished:
            table.to_parquet(unfinished, index=False)
    return int(hit.sum())


def erase_images(store: ImageStore, image_ids: set[str]) -> int:
    """Delete images and their unfinished files of killed runs; return the number of deleted images."""
    stored = [image_id for image_id in image_ids if store.has(image_id)]
    for image_id in image_ids:
        store.remove(image_id)
        for unfinished in (store.folder / store.path(image_id)).parent.glob(f".{image_id}.*"):
            unfinished.unlink()
    return len(stored)


def erase_files(folder: Path, pattern: str) -> int:
    """Delete all files below a folder whose names match; return the number of deleted files.

    For files that are made of images and do not name them: pages with thumbnails, features of frozen layers.
    """
    files = [path for path in folder.rglob(pattern) if path.is_file()]  # a versioned file has a folder of its name
    for path in files:
        path.unlink()
    return len(files)


def erase_from_journal(journal: Journal, image_ids: set[str]) -> None:
    """Remove these images from the journal of a killed run. A kill meanwhile only costs reading some files again."""
    kept = [row for row in journal.read() if row["image_id"] not in image_ids]
    if any(journal.folder.iterdir()):
        journal.clear()
        journal.append(kept)
