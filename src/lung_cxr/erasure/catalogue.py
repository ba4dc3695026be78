"""Take patients out of everything that is kept of the catalogue: tables, journal and images.

What is looked up goes last: a run that is killed in between finds the same patients again and finishes.
"""

from pathlib import Path

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.erasure.keyed_tables import key_columns
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal


def find_images(tables: list[Path], patient_keys: set[str]) -> set[str]:
    """Return the ids of all images that these tables name of these patients; a table that is not there names none."""
    found = (pd.read_parquet(path, columns=["image_id", "patient_key"]) for path in tables if path.exists())
    return {image_id for table in found for image_id in table.loc[table["patient_key"].isin(patient_keys), "image_id"]}


def erase_rows(path: Path, keys: set[str]) -> int:
    """Rewrite a Parquet table without the rows that hold one of the keys; return how many there were.

    Args:
        path: Not written where it holds none of them, or has no column of keys.
        keys: Of patients, studies, images and files: keys of different kinds never meet.
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
    """Delete images, and what a killed run left of them; return how many there were."""
    there = [image_id for image_id in image_ids if store.has(image_id)]
    for image_id in image_ids:
        store.remove(image_id)
        for unfinished in (store.folder / store.path(image_id)).parent.glob(f".{image_id}.*"):
            unfinished.unlink()
    return len(there)


def erase_files(folder: Path, pattern: str) -> int:
    """Delete the files below a folder whose names match; return how many there were.

    For what is made of images without saying whose: pages with small copies, features of frozen layers. All of it goes.
    """
    files = list(folder.rglob(pattern))
    for path in files:
        path.unlink()
    return len(files)


def erase_from_journal(journal: Journal, image_ids: set[str]) -> None:
    """Take these images out of what a killed run has read; a kill in between only costs reading some files again."""
    kept = [seen for seen in journal.read() if seen.image_id not in image_ids]
    if any(journal.folder.iterdir()):
        journal.clear()
        journal.append(kept)
