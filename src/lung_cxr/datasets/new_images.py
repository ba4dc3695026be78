"""Folder of new images for prediction."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from lung_cxr.prediction.new_images import NewImages, find_new_images


class NewImagesDataset(AbstractDataset[NewImages, NewImages]):
    """Lists the files of the folder without opening them.

    Kedro's partitioned datasets select files by suffix and open all of them in one way. Here a file's format is
    recognised by its content, and a file that is no image is a row of the result too.

    Args:
        filepath: Folder of the new images.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> NewImages:
        """Return the files at any depth.

        Raises:
            DatasetError: The folder is missing or holds no file.
        """
        found = find_new_images(Path(self._filepath)) if self._exists() else None
        if found is None or not found.files:
            state = "is missing" if found is None else "holds no file"
            raise DatasetError(
                f"The folder of new images {self._filepath!r} {state}; expected DICOM, PNG or JPEG files in it, at any "
                "depth. Put them there, then run the command again"
            )
        return found

    def save(self, data: NewImages) -> NoReturn:  # noqa: ARG002
        """Raise an error: the hospital delivers the images."""
        raise DatasetError(f"{self} is read-only")

    def _exists(self) -> bool:
        return bool(self._filepath) and Path(self._filepath).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
