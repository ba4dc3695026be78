"""Tables that hold pseudonyms, found by their columns: erasing a patient and changing the key miss none."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

KEY_COLUMNS = ("patient_key", "study_key", "image_id", "other_image_id", "file_key")


def key_columns(path: Path) -> list[str]:
    """Return which columns of a Parquet table hold pseudonyms."""
    names = pq.read_schema(path).names
    return [name for name in KEY_COLUMNS if name in names]


def tables_below(folder: Path) -> Iterator[Path]:
    """Every Parquet table of a folder, at any depth; what a killed run left half written goes."""
    for path in sorted(folder.rglob("*.parquet")):
        if path.name.startswith(".unfinished-"):
            path.unlink()
        else:
            yield path
