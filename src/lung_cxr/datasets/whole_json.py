"""A JSON file that is there whole or not at all."""

import json
from pathlib import Path
from typing import Any

from kedro.io import DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.json import JSONDataset

from lung_cxr.atomic import written_whole


class WholeJSONDataset(JSONDataset):
    """`json.JSONDataset` whose save writes beside the file and renames, so that a full disk leaves the old one.

    For what a later run begins with: half a file would stop every run from then on. Arguments as there; local files
    only.
    """

    def save(self, data: Any) -> None:
        """Write the data, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system, where renaming replaces at once.
        """
        if self._protocol != "file":
            raise DatasetError(f"Counts of memory must be on a mounted file system, found {self._protocol}://")
        with written_whole(Path(get_filepath_str(self._get_save_path(), self._protocol))) as unfinished:
            unfinished.write_text(json.dumps(data, **self._save_args), encoding="utf-8")
        self._invalidate_cache()
