"""A Parquet file that is there whole or not at all."""

from pathlib import Path

import pandas as pd
from kedro.io import DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.pandas import ParquetDataset

from lung_cxr.atomic import written_whole


class WholeParquetDataset(ParquetDataset):
    """`pandas.ParquetDataset` whose save writes beside the file and renames, so that a kill leaves the old table.

    For tables that are the only memory of earlier runs: who is in which subset, which number an export has, what was
    seen in a file. `pandas.ParquetDataset` empties the file before it writes. Arguments as there; local files only.
    """

    def save(self, data: pd.DataFrame) -> None:
        """Write the table, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system, where renaming replaces at once.
        """
        if self._protocol != "file":
            raise DatasetError(f"A table of memory must be on a mounted file system, found {self._protocol}://")
        path = Path(get_filepath_str(self._get_save_path(), self._protocol))
        with written_whole(path) as unfinished:
            data.to_parquet(unfinished, **self._save_args)
        self._invalidate_cache()
