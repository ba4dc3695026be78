"""Save a trained model atomically; load it only if its SHA-256 is the one in the run record."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lung_cxr.atomic import atomic_write

if TYPE_CHECKING:  # comparing hashes must not import Keras
    import keras

HASH_SHOWN = 12  # hexadecimal digits in a message, enough to distinguish files


class ModelFileError(ValueError):
    """The file of a model is not the file that its run wrote."""


def save_model(model: keras.Model, path: Path) -> str:
    """Save a model atomically; return the SHA-256 of its file (64 hex digits)."""
    with atomic_write(path) as unfinished:
        model.save(unfinished)
    return sha256_of_file(path)


def check_model(path: Path, sha256: str) -> None:
    """Compare the SHA-256 of a model file with the expected one.

    Raises:
        ModelFileError: They differ: the file is another one, or damaged.
    """
    found = sha256_of_file(path)
    if found != sha256:
        raise ModelFileError(
            f"{path.name} was not loaded: its SHA-256 begins with {found[:HASH_SHOWN]}, expected "
            f"{sha256[:HASH_SHOWN]} as in the run record. Restore the file from a backup, or train the run again "
            "(training.force)"
        )


def load_checked_model(path: Path, sha256: str) -> keras.Model:
    """Load a model for prediction, in Keras' safe mode: no code in the file is executed.

    Args:
        path: A `.keras` file.
        sha256: Expected SHA-256 of the file.

    Raises:
        ModelFileError: The SHA-256 differs.
    """
    import keras

    from lung_cxr.models.keras_settings import use_standard_keras_settings

    check_model(path, sha256)
    use_standard_keras_settings()
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
