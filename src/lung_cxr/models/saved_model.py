"""The file of a trained model: written whole, known by its hash, and loaded only if it is the very same file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from lung_cxr.atomic import atomic_write

if TYPE_CHECKING:  # whoever only compares hashes waits for no Keras
    import keras

HASH_SHOWN = 12  # hexadecimal digits in a message: enough to tell files apart


class ModelFileError(ValueError):
    """A model's file is not the one that was trained; the message says what to do."""


def save_model(model: keras.Model, path: Path) -> str:
    """Write a model, whole or not at all, and return the SHA-256 of its file (64 hex digits)."""
    with atomic_write(path) as unfinished:
        model.save(unfinished)
    return sha256_of_file(path)


def check_model(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one of this hash.

    Raises:
        ModelFileError: It is another, or damaged.
    """
    found = sha256_of_file(path)
    if found != sha256:
        raise ModelFileError(
            f"{path.name} is not the file that the run wrote: its SHA-256 begins with {found[:HASH_SHOWN]}, in the "
            f"run's record with {sha256[:HASH_SHOWN]}. It was not loaded. Put the run's own file back from a backup, "
            "or train the run again (training.force)"
        )


def load_checked_model(path: Path, sha256: str) -> keras.Model:
    """Load a model for prediction. Nothing in the file is run as code (Keras' safe mode).

    Args:
        path: A `.keras` file.
        sha256: What it must hash to.

    Raises:
        ModelFileError: It does not.
    """
    import keras

    check_model(path, sha256)
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, as `sha256sum` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
