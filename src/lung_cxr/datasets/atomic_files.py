"""Datasets whose files are written completely or not at all.

Kedro's datasets empty a file before they write it. These write beside it and rename, so that a kill or a full disk
leaves the previous file. Their arguments are those of the classes that they extend.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractVersionedDataset
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset

from lung_cxr.atomic import atomic_write
from lung_cxr.locks import wait_lock


class AtomicParquetDataset(ParquetDataset):
    """Stores the tables that later runs depend on: subset assignments, numbers of exports."""

    def save(self, data: pd.DataFrame) -> None:
        """Write the table atomically."""
        with _unfinished(self) as path:
            data.to_parquet(path, **self._save_args)


class AppendedParquetDataset(AtomicParquetDataset):
    """A table that grows: `save` adds rows below the stored ones, `load` returns all rows.

    Two processes that append at the same time wait for each other, so that no row is lost.
    """

    def save(self, data: pd.DataFrame) -> None:
        """Append the rows atomically."""
        with wait_lock(Path(self._get_save_path()), Path(self._get_save_path()).name):
            stored = [self.load()] if self.exists() else []
            super().save(pd.concat([*stored, data], ignore_index=True))


class AtomicTextDataset(TextDataset):
    """Stores the fingerprint of the key: half of one would look like another key."""

    def save(self, data: str) -> None:
        """Write the text as UTF-8, atomically."""
        with _unfinished(self) as path:
            path.write_text(data, encoding="utf-8")


class AtomicJSONDataset(JSONDataset):
    """Stores counts that a later run compares with or waits for."""

    def save(self, data: Any) -> None:
        """Write the data atomically."""
        with _unfinished(self) as path:
            path.write_text(json.dumps(data, **self._save_args), encoding="utf-8")


@contextmanager
def _unfinished(dataset: AbstractVersionedDataset) -> Iterator[Path]:
    """Yield the path to write to; it replaces the dataset's file when the block ends without an error."""
    with atomic_write(Path(dataset._get_save_path())) as path:
        yield path
    dataset._invalidate_cache()  # type: ignore[attr-defined]
