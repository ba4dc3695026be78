"""Where a backbone's weights come from: Keras' ImageNet download, a file, or chance."""

import hashlib
import os
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from warnings import catch_warnings, filterwarnings

import keras
import numpy as np

from lung_cxr.models.saved_model import sha256_of_file

WEIGHTS_FOLDER = "LUNG_CXR_WEIGHTS"  # environment variable: a folder of <architecture>_imagenet_notop.weights.h5
DOWNLOAD_SERVER = (
    "https://storage.googleapis.com/tensorflow/keras-applications/"  # BASE_WEIGHT_PATH of keras.applications
)
DOWNLOAD_TIMEOUT = 5.0  # seconds without an answer; offline machines must not wait
NO_PATIENCE = 0.01  # seconds, for a server that has just been found silent


@dataclass(frozen=True)
class InitialWeights:
    """One place to take weights from.

    Attributes:
        source: What the run record says: `imagenet`, `random`, or the file's name.
        file: The weights file; None where there is none of ours.
    """

    source: str
    file: Path | None = None


IMAGENET = InitialWeights("imagenet")  # downloaded by Keras, or in its cache
RANDOM = InitialWeights("random")


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
            f"no weights file '{path}': give the path of a Keras weights file (include_top=False), "
            f"set {WEIGHTS_FOLDER} where the path begins with it, or write `weights: imagenet` to download"
        )
    return InitialWeights(path.name, path)


def server_answers(url: str, timeout: float) -> bool:
    """Whether a server answers within so many seconds.

    Asked in a thread of its own: a socket's timeout bounds neither the resolution of a name nor the walk through all
    addresses of a large server, one timeout each.
    """
    answered = threading.Event()

    def ask() -> None:
        with suppress(OSError):
            with suppress(HTTPError):  # "not found" is an answer
                urlopen(Request(url, method="HEAD"), timeout=timeout).close()
            answered.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(timeout)
    return answered.is_set()


@contextmanager
def patient_for_seconds(weights: InitialWeights) -> Iterator[None]:
    """Bound every wait for the network inside: Keras downloads without a timeout.

    Where the server does not answer the attempt is still made, hardly waiting: the file may be in Keras' cache.
    """
    if weights is not IMAGENET:
        yield
        return
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT if server_answers(DOWNLOAD_SERVER, DOWNLOAD_TIMEOUT) else NO_PATIENCE)
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


def load_weights_file(network: keras.Model, file: Path, architecture: str) -> None:
    """Load a Keras weights file (`.weights.h5`, or `.h5` of older versions) into a backbone.

    Raises:
        ValueError: It holds the weights of another network, or is no weights file.
    """
    try:
        with catch_warnings():
            filterwarnings("ignore", "Skipping nested container")  # one a layer, and the error says it all
            network.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{file.name} does not hold the weights of {architecture} (include_top=False) with the options given: "
            f"check backbones.{architecture}.weights and .options"
        ) from error


def sha256_of_weights(weights: InitialWeights, network: keras.Model) -> str:
    """Return the SHA-256 of the weights file, as `sha256sum` prints it; of the arrays where no file was given."""
    if weights.file is not None:
        return sha256_of_file(weights.file)
    digest = hashlib.sha256()
    for variable in network.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
