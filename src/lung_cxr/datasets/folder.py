"""A folder that nodes fill piece by piece."""

from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError
from kedro.io.core import get_filepath_str, get_protocol_and_path


class FolderDataset(AbstractDataset[Path, Path]):
    """Gives a node the place where it writes what no table can hold: tens of thousands of images, checkpoints.

    Kedro saves an output when its node returns, all at once. Images are written by many processes over hours and must
    survive a kill, so their node takes the folder as an input and returns the table that describes what is in it.

    Args:
        filepath: The folder; made on load if it does not exist.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        protocol, path = get_protocol_and_path(filepath)
        if protocol != "file":
            raise DatasetError(f"A folder of images must be on a mounted file system, found {protocol}://")
        self._filepath = PurePosixPath(path)
        self.metadata = metadata

    def load(self) -> Path:
        """Return the folder's path, made if need be."""
        folder = Path(get_filepath_str(self._filepath, "file"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def save(self, data: Path) -> NoReturn:  # noqa: ARG002
        """Always an error: a folder is filled through its path."""
        raise DatasetError(f"{self} is a place to write to, not a node's output")

    def _exists(self) -> bool:
        return Path(get_filepath_str(self._filepath, "file")).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
