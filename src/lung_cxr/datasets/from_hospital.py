"""Folders with the hospital's own files: only read, and their names are nobody else's business."""

from pathlib import Path

from kedro.io import DatasetError

from lung_cxr.mirror import is_remote, local_folder


def hospital_folder(path: str) -> Path | None:
    """Return the folder on this machine, where it is in a store its copy; None where it is not there, or empty.

    Files of the copy have the store's times, on whichever machine: a refresh knows by them what it has read.

    Args:
        path: As the catalogue has it.

    Raises:
        DatasetError: The store cannot be read. Its own message could name a file.
    """
    if not is_remote(path):
        return Path(path) if path and Path(path).is_dir() else None
    try:
        folder = local_folder(path, as_is=True)
    except Exception as error:
        raise DatasetError(
            f"The files of {path!r} could not be copied to this machine ({type(error).__name__}); expected a store "
            "that can be read, plain file names and room in the mirror (docs/scale.md)"
        ) from None
    return folder if any(folder.iterdir()) else None
