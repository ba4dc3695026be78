"""Find all tables that hold pseudonyms by their columns, so that erasure and key rotation miss none."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

KEY_COLUMNS = ("patient_key", "study_key", "image_id", "other_image_id", "file_key")


def key_columns(path: Path) -> list[str]:
    """Return the columns of a Parquet table that hold pseudonyms."""
    names = pq.read_schema(path).names
    return [name for name in KEY_COLUMNS if name in names]


def tables_below(folder: Path) -> Iterator[Path]:
    """Yield every Parquet table of a folder, at any depth; delete unfinished files of killed runs."""
    for path in sorted(folder.rglob("*.parquet")):
        if path.name.startswith(".unfinished-"):
            path.unlink()
        else:
            yield path
