"""The hospital's exports: folders with an EMR table and the images that it names."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from lung_cxr.imaging.emr.exports import MARKER, Export


class ExportsDataset(AbstractDataset[list[str], dict[str, Export]]):
    """Lists the export folders without reading or writing their files.

    An export holds tables and images in several formats, and its parts are read at different times: first the tables,
    then only the images that changed. No dataset of kedro-datasets does this.

    Args:
        filepath: Folder of the exports.
        glob: Pattern of the export folders below it; "." means that the folder itself is the one export.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, glob: str = "*", metadata: dict[str, Any] | None = None):
        self._filepath = filepath
        self._glob = glob
        self.metadata = metadata

    def load(self) -> dict[str, Export]:
        """Return export_id → export, sorted by name.

        Raises:
            DatasetError: The folder is missing or holds no export.
        """
        root = Path(self._filepath)
        if not self._exists():
            raise DatasetError(
                f"{self._named()} is missing; expected the folder with the hospital's exports. Put the first export "
                "below it, or set `exports` in conf/<env>/globals.yml (in public_cxr the variable LUNG_CXR_PUBLIC_ROOT)"
            )
        folders = [root] if self._glob == "." else sorted(path for path in root.glob(self._glob) if path.is_dir())
        folders = [folder for folder in folders if folder == root or not folder.name.startswith(".")]
        if not folders:
            raise DatasetError(
                f"{self._named()} holds no folder that matches {self._glob!r}; expected one folder per export, with an "
                "EMR table and its images. `kedro run --pipelines synthetic_hospital --env demo` writes an example"
            )
        exports = [self._export(folder, root) for folder in folders]
        return {export.export_id: export for export in exports}

    def save(self, data: list[str]) -> None:
        """Confirm that exports of these names exist; the delivering node wrote their files.

        Raises:
            DatasetError: An export is missing.
        """
        missing = set(data) - (set(self.load()) if self._exists() else set())
        if missing:
            raise DatasetError(f"{self._named()} lacks {len(missing)} of the {len(data)} exports just delivered to it")

    def _export(self, folder: Path, root: Path) -> Export:
        export_id = "." if folder == root else folder.relative_to(root).as_posix()
        return Export(export_id, folder, (folder / MARKER).is_file())

    def _named(self) -> str:
        return f"The exports' folder {self._filepath!r}"

    def _exists(self) -> bool:
        return bool(self._filepath) and Path(self._filepath).is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "glob": self._glob}
