"""Find new images at any depth of a folder, and name each by a key outside 01_raw."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import MARKER

FILE_KEYS = "file_keys.csv"  # key → path: an identifier, stored only beside the files


@dataclass(frozen=True)
class NewImages:
    """Files in the folder of new images.

    Attributes:
        files: Path below the folder, parts joined by "/" → the file, image or not; None for a link to a target outside
            the folder. Not in `repr`, because file names may contain patient names.
        synthetic: Whether the marker file declares all patients synthetic.
    """

    files: Mapping[str, Path | None] = field(repr=False)
    synthetic: bool

    def keyed(self, secret: Secret) -> dict[str, Path | None]:
        """Return file key → the file."""
        return {_key(path, secret): file for path, file in self.files.items()}

    def file_keys(self, secret: Secret) -> pd.DataFrame:
        """Return `file_key, path`, sorted by path. Paths are identifiers: store the table in 01_raw only."""
        return pd.DataFrame(
            {
                "file_key": [_key(path, secret) for path in self.files],
                "path": [os.fsencode(path).decode("utf-8", "backslashreplace") for path in self.files],
            },
            dtype="str",
        )


def find_new_images(folder: Path) -> NewImages:
    """List all files of a folder, except the marker file and `file_keys.csv`, without opening them.

    A link to a folder is listed itself and not followed; a folder without read permission is listed as well.
    """
    root, ours = folder.resolve(), {folder / FILE_KEYS, folder / MARKER}
    found = sorted(path for path in _walk(folder) if path not in ours)
    files = {path.relative_to(folder).as_posix(): path if _is_inside(path, root) else None for path in found}
    return NewImages(files, (folder / MARKER).is_file())


def _walk(folder: Path) -> Iterator[Path]:
    closed: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename))):
        yield from (Path(place, name) for name in names)
        yield from (path for path in (Path(place, name) for name in folders) if path.is_symlink())
    yield from closed


def _is_inside(path: Path, root: Path) -> bool:
    """Return whether a listed path stays below the folder; only a link can leave it."""
    try:
        return not path.is_symlink() or path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # circular links: reading will reject the file
        return True


def _key(path: str, secret: Secret) -> str:
    return secret.key("new_image", os.fsencode(path).hex())  # file names need not be valid UTF-8
