"""The folder with the images that a trained model is asked about."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from lung_cxr.prediction.new_images import NewImages, find_new_images


class NewImagesDataset(AbstractDataset[NewImages, NewImages]):
    """Lists the files; opens none of them, and writes none.

    Kedro's partitioned datasets know files by a suffix and open all of them alike. These are DICOM, PNG and JPEG among
    whatever else lies there, told apart by content, and a file that is none of them is a line of the result too.

    Args:
        filepath: The folder.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> NewImages:
        """Return the files, at any depth.

        Raises:
            DatasetError: The folder is not there, or there is no file in it.
        """
        found = find_new_images(Path(self._filepath)) if self._exists() else None
        if found is None or not found.files:
            state = "is not there" if found is None else "holds no file"
            raise DatasetError(
                f"The folder of new images {self._filepath!r} {state}; expected DICOM, PNG or JPEG files in it, at any "
                "depth. Put them there and give the command again"
            )
        return found

    def save(self, data: NewImages) -> NoReturn:  # noqa: ARG002
        """Always an error: the hospital puts the images there."""
        raise DatasetError(f"{self} is only read")

    def _exists(self) -> bool:
        return bool(self._filepath) and Path(self._filepath).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
