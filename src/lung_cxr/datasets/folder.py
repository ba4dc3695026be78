"""A folder that nodes fill piece by piece."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NoReturn

from fsspec.core import url_to_fs
from kedro.io import AbstractDataset, DatasetError

from lung_cxr.mirror import current, is_fetched_later, is_remote, local_folder


class FolderDataset(AbstractDataset[Path, Path]):
    """Gives a node the place where it writes what no table can hold: tens of thousands of images, checkpoints.

    Kedro saves an output when its node returns, all at once. Images are written by many processes over hours and must
    survive a kill, so their node takes the folder as an input and returns the table that describes what is in it.

    Where the folder is in a store of objects, the place is its copy on this machine (`lung_cxr.mirror`), and what was
    changed in it is sent when the node ends.

    Args:
        filepath: The folder; made on load if it does not exist.
        needed: Of a store, what to fetch for whom: pattern of nodes' names → patterns of files, as `mirror.Selection`,
            with `{cell}` and `{backbone}` of the node's namespace, `{size}` of its backbone and `{run}` of a
            prediction. Other nodes get everything.
        push_seconds: Of a store, how often to send changes while a node runs; None: only when it ends.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(
        self,
        *,
        filepath: str,
        needed: dict[str, list[str]] | None = None,
        push_seconds: float | None = None,
        metadata: dict[str, Any] | None = None,
    ):
        self.filepath = filepath.removeprefix("file://")
        self.push_seconds = push_seconds
        self.metadata = metadata
        self._needed = needed or {}

    @property
    def is_remote(self) -> bool:
        """Whether the folder is in a store of objects."""
        return is_remote(self.filepath)

    def load(self) -> Path:
        """Return the folder's path, made if need be."""
        if self.is_remote:
            return current().path(self.filepath) if is_fetched_later() else self.fetch()
        folder = Path(self.filepath)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def fetch(self, node: str = "", fields: dict[str, Any] | None = None) -> Path:
        """Bring the copy of a store's folder up to date, and send from then on what is changed in it.

        Args:
            node: Name of the node that needs it.
            fields: What stands for the words in braces.
        """
        patterns = next((files for nodes, files in self._needed.items() if fnmatchcase(node, nodes)), None)
        if patterns is not None:
            patterns = [pattern.format_map(fields or {}) for pattern in patterns]
        current().share(self.filepath, in_background=self.push_seconds is not None)
        return local_folder(self.filepath, patterns)

    def save(self, data: Path) -> NoReturn:  # noqa: ARG002
        """Always an error: a folder is filled through its path."""
        raise DatasetError(f"{self} is a place to write to, not a node's output")

    def _exists(self) -> bool:
        filesystem, place = url_to_fs(self.filepath)
        return bool(filesystem.isdir(place))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.filepath}
