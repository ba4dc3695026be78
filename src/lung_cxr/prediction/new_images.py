"""The files that a hospital wants to know of, found at any depth, and the keys that name them past 01_raw."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import MARKER

FILE_KEYS = "file_keys.csv"  # the way back from a key to its file: beside the files, and nowhere else


@dataclass(frozen=True)
class NewImages:
    """What lies in the folder of new images.

    Attributes:
        files: Path below the folder, parts joined by "/" → the file, which need not be an image; None where a link
            leads out of the folder. Names of files name patients, so `repr` does not show them.
        synthetic: Whether the marker file says that nobody in them exists.
    """

    files: Mapping[str, Path | None] = field(repr=False)
    synthetic: bool

    def keyed(self, secret: Secret) -> dict[str, Path | None]:
        """Return file key → the file."""
        return {_key(path, secret): file for path, file in self.files.items()}

    def file_keys(self, secret: Secret) -> pd.DataFrame:
        """Return `file_key, path`, in order of the paths: identifiers, for 01_raw alone."""
        return pd.DataFrame(
            {
                "file_key": [_key(path, secret) for path in self.files],
                "path": [os.fsencode(path).decode("utf-8", "backslashreplace") for path in self.files],
            },
            dtype="str",
        )


def find_new_images(folder: Path) -> NewImages:
    """List every file of a folder; none is opened, and none is left out but the two that are ours.

    A link to a folder is not followed: it is a line of its own, as is a folder that may not be listed.
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
    """Whether a path that was walked to stays below the folder: only a link may not."""
    try:
        return not path.is_symlink() or path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # links in a circle: a file that cannot be read
        return True


def _key(path: str, secret: Secret) -> str:
    return secret.key("new_image", os.fsencode(path).hex())  # the bytes of a name need not be text
