"""A folder that nodes fill piece by piece."""

from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DatasetError


class FolderDataset(AbstractDataset[Path, Path]):
    """Gives a node the folder where it writes data that no table can hold: tens of thousands of images, checkpoints.

    Kedro saves an output when its node returns, all at once. Images are written by many processes over hours and must
    survive a kill, so their node takes the folder as an input and returns the table that describes its content.

    Args:
        filepath: The folder, local or on a mounted share; created on load if it does not exist.
        metadata: Ignored here; for Kedro plugins.

    Raises:
        DatasetError: The path is the address of an object store.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        if "://" in filepath.removeprefix("file://"):
            raise DatasetError(
                f"{filepath!r} is an address; expected a folder. Mount the share or bucket (docs/scale.md) and set "
                "`root` in conf/<env>/globals.yml to the mount point"
            )
        self._filepath = filepath.removeprefix("file://")
        self.metadata = metadata

    def load(self) -> Path:
        """Return the folder's path; create the folder if it does not exist."""
        folder = Path(self._filepath)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def save(self, data: Path) -> NoReturn:  # noqa: ARG002
        """Raise an error: nodes fill the folder through its path."""
        raise DatasetError(f"{self} is a folder to write into, not an output of a node")

    def _exists(self) -> bool:
        return Path(self._filepath).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
