"""Where a backbone's weights come from: Keras' ImageNet download, a file, or chance."""

import hashlib
import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

WEIGHTS_FOLDER = "LUNG_CXR_WEIGHTS"  # environment variable: a folder of <architecture>_imagenet_notop.weights.h5
DOWNLOAD_TIMEOUT = 5.0  # seconds without an answer; offline machines must not wait


@dataclass(frozen=True)
class InitialWeights:
    """One place to try.

    Attributes:
        argument: What the constructor of `keras.applications` takes as `weights`.
        source: What the run record says: `imagenet`, the file's name, or `random`.
    """

    argument: str | None
    source: str


IMAGENET = InitialWeights("imagenet", "imagenet")
RANDOM = InitialWeights(None, "random")


def places_to_try(weights: str | None, architecture: str) -> list[InitialWeights]:
    """Return where to look for the weights, in order.

    Args:
        weights: `imagenet`, a path, `auto` or None (random), as in `parameters_backbones.yml`.
        architecture: Row of `models/backbones.py`.

    Raises:
        FileNotFoundError: A path was given and there is no such file.
    """
    if weights is None:
        return [RANDOM]
    if weights == "imagenet":
        return [IMAGENET]
    if weights == "auto":
        folder = os.environ.get(WEIGHTS_FOLDER)
        file = Path(folder) / f"{architecture}_imagenet_notop.weights.h5" if folder else None
        return [_from_file(file)] if file and file.is_file() else [IMAGENET, RANDOM]
    return [_from_file(Path(weights).expanduser())]


def _from_file(path: Path) -> InitialWeights:
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file {path}: give the path of a Keras weights file (include_top=False), set {WEIGHTS_FOLDER} "
            "where the path begins with it, or write `weights: imagenet` to download"
        )
    return InitialWeights(str(path), path.name)


@contextmanager
def short_network_timeout() -> Iterator[None]:
    """Give up on a silent server after `DOWNLOAD_TIMEOUT` seconds: Keras downloads without a timeout."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def seeded_initialisers(seed: int) -> Iterator[None]:
    """Make the layers built inside depend on the seed alone, and leave the caller's random state as it was.

    `keras.applications` gives its initialisers and dropout layers no seed; Keras then draws one from Python's `random`.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def is_failed_download(error: Exception) -> bool:
    """Whether an error of a constructor says that the network was in the way, and not that the arguments are wrong."""
    return isinstance(error, OSError) or str(error).startswith("URL fetch failure")  # keras.utils.get_file


def sha256_of_weights(weights: InitialWeights, model: keras.Model) -> str:
    """Return the SHA-256 of the weights file as `sha256sum` prints it, or of the arrays where there is no file of ours."""
    if weights.argument not in ("imagenet", None):
        with Path(weights.argument).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for variable in model.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
