"""Files that are there whole or not at all: what a run begins with, where half a file would stop every later run.

Kedro's datasets empty a file before they write it. These write beside it and rename, so that a kill or a full disk
leaves what was there; to a store of objects they send the whole file at once. Arguments as of the classes they extend.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from kedro.io import AbstractVersionedDataset
from kedro.io.core import get_filepath_str
from kedro_datasets.json import JSONDataset
from kedro_datasets.pandas import ParquetDataset
from kedro_datasets.text import TextDataset

from lung_cxr.atomic import written_whole


class WholeParquetDataset(ParquetDataset):
    """Tables that are the only memory of earlier runs: who is in which subset, which number an export has."""

    def save(self, data: pd.DataFrame) -> None:
        """Write the table, whole or not at all."""
        with _unfinished(self) as path:
            data.to_parquet(path, **self._save_args)


class WholeTextDataset(TextDataset):
    """The fingerprint of the key: half of one would look like another key."""

    def save(self, data: str) -> None:
        """Write the text as UTF-8, whole or not at all."""
        with _unfinished(self) as path:
            path.write_text(data, encoding="utf-8")


class WholeJSONDataset(JSONDataset):
    """Counts that a later run compares with, or waits for."""

    def save(self, data: Any) -> None:
        """Write the data, whole or not at all."""
        with _unfinished(self) as path:
            path.write_text(json.dumps(data, **self._save_args), encoding="utf-8")


@contextmanager
def _unfinished(dataset: AbstractVersionedDataset) -> Iterator[Path]:
    """Give the path to write to; it takes the dataset's place when the block ends well."""
    protocol: str = dataset._protocol  # type: ignore[attr-defined]
    target = get_filepath_str(dataset._get_save_path(), protocol)
    if protocol == "file":
        with written_whole(Path(target)) as path:
            yield path
    else:
        with TemporaryDirectory() as folder:
            yield (path := Path(folder) / Path(target).name)
            dataset._fs.put_file(str(path), target)  # type: ignore[attr-defined]
    dataset._invalidate_cache()  # type: ignore[attr-defined]
