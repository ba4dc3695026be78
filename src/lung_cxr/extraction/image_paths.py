"""Paths as the hospital's database has them → files below `extraction.image_root`."""

from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import is_missing
from lung_cxr.parameters import ExtractionParameters


class ImageRoot(NamedTuple):
    r"""A folder of images, and the beginnings of paths that stand for it on other machines.

    Attributes:
        folder: Folder on this machine, for example the mount point of a share.
        prefixes: For example `\\pacs01\images`, `D:\images` and `/srv/images`.
    """

    folder: Path
    prefixes: tuple[PureWindowsPath, ...]

    @classmethod
    def of(cls, settings: ExtractionParameters) -> "ImageRoot":
        """Return the root of the settings.

        Raises:
            ExtractionError: It is not set, or is no folder with files: the share may not be mounted.
        """
        if settings.image_root is None:
            raise ExtractionError(
                "extraction.image_root is null; expected the folder that holds the images of the database. Set it in "
                "conf/local/parameters_extraction.yml"
            )
        folder = Path(settings.image_root)
        if not folder.is_dir() or not any(folder.iterdir()):
            raise ExtractionError(
                "extraction.image_root names no folder with files; expected the images of the database. Mount the "
                "share, or correct the setting"
            )
        return cls(folder, tuple(map(PureWindowsPath, settings.path_prefixes)))

    def relative(self, text: str) -> str:
        """Return a path below the root, with forward slashes; "" for a missing path.

        A path that no prefix begins stays as it is: ingestion rejects it if it is absolute. Windows' rules hold for all
        prefixes: both slashes are alike, and case does not count.
        """
        if is_missing(text):
            return ""
        path = PureWindowsPath(text.strip())
        below = next((prefix for prefix in self.prefixes if path.is_relative_to(prefix)), None)
        return path.as_posix() if below is None else path.relative_to(below).as_posix()

    def find(self, relative: str) -> Path | None:
        """Return the file of a path below the root; None if there is none, or the path leads out of the root."""
        path = Export(".", self.folder, synthetic=False).locate(relative) if relative else None
        try:
            return path if path is not None and path.is_file() else None
        except (OSError, ValueError):  # a name that the system refuses
            return None
