"""A text file that is there whole or not at all."""

from pathlib import Path

from kedro.io import DatasetError
from kedro.io.core import get_filepath_str
from kedro_datasets.text import TextDataset

from lung_cxr.atomic import written_whole


class WholeTextDataset(TextDataset):
    """`text.TextDataset` whose save writes beside the file and renames, so that a kill leaves the old text.

    For the fingerprint of the key: half of one would look like another key. Arguments as there; local files only.
    """

    def save(self, data: str) -> None:
        """Write the text as UTF-8, whole or not at all.

        Raises:
            DatasetError: The file is not on a mounted file system, where renaming replaces at once.
        """
        if self._protocol != "file":
            raise DatasetError(f"A text of memory must be on a mounted file system, found {self._protocol}://")
        with written_whole(Path(get_filepath_str(self._get_save_path(), self._protocol))) as unfinished:
            unfinished.write_text(data, encoding="utf-8")
        self._invalidate_cache()
