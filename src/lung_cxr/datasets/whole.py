"""Files that are there whole or not at all: what a run begins with, where half a file would stop every later run.

Kedro's datasets empty a file before they write it. These write beside it and rename, so that a kill or a full disk
leaves what was there. Arguments as of the classes they extend; local files only.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractVersionedDataset, DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset

from lung_cxr.atomic import written_whole


class WholeParquetDataset(ParquetDataset):
    """Tables that are the only memory of earlier runs: who is in which subset, which number an export has."""

    def save(self, data: pd.DataFrame) -> None:
        """Write the table, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system.
        """
        with _unfinished(self) as path:
            data.to_parquet(path, **self._save_args)


class WholeTextDataset(TextDataset):
    """The fingerprint of the key: half of one would look like another key."""

    def save(self, data: str) -> None:
        """Write the text as UTF-8, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system.
        """
        with _unfinished(self) as path:
            path.write_text(data, encoding="utf-8")


class WholeJSONDataset(JSONDataset):
    """Counts that a later run compares with, or waits for."""

    def save(self, data: Any) -> None:
        """Write the data, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system.
        """
        with _unfinished(self) as path:
            path.write_text(json.dumps(data, **self._save_args), encoding="utf-8")


@contextmanager
def _unfinished(dataset: AbstractVersionedDataset) -> Iterator[Path]:
    """Give the path to write to; it takes the dataset's place when the block ends well.

    Raises:
        DatasetError: The file is not on a mounted file system, where renaming replaces at once.
    """
    protocol: str = dataset._protocol  # type: ignore[attr-defined]
    if protocol != "file":
        raise DatasetError(f"What a run begins with must be on a mounted file system, found {protocol}://")
    with written_whole(Path(get_filepath_str(dataset._get_save_path(), protocol))) as path:
        yield path
    dataset._invalidate_cache()  # type: ignore[attr-defined]
