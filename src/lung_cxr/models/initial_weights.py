"""Find a backbone's initial weights: Keras' ImageNet download, a file, the demo's file, or random values."""

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
# BASE_WEIGHT_PATH of keras.applications
DOWNLOAD_SERVER = "https://storage.googleapis.com/tensorflow/keras-applications/"
DOWNLOAD_TIMEOUT = 5.0  # seconds without an answer; offline machines must not wait
NO_ANSWER_TIMEOUT = 0.01  # seconds, after the server did not answer


@dataclass(frozen=True)
class InitialWeights:
    """One source of weights.

    Attributes:
        source: Name in the run record: `imagenet`, `random`, `demo (pretrained on drawings)`, or the name of the file.
        file: Path of the weights file; None for `imagenet` and `random`.
    """

    source: str
    file: Path | None = None


IMAGENET = InitialWeights("imagenet")  # downloaded by Keras, or from its cache
# MobileNet, alpha 0.25, pretrained as tools/pretrain_demo_weights.py states, on no radiograph of a real person
DEMO = InitialWeights("demo (pretrained on drawings)", Path(__file__).with_name("demo_mobilenet.weights.h5"))
RANDOM = InitialWeights("random")


def places_to_try(weights: str | None, architecture: str) -> list[InitialWeights]:
    """Return the sources to try, in order.

    Args:
        weights: `imagenet`, a path, `auto`, `demo` or None (random), as in `parameters_backbones.yml`.
        architecture: Row of `models/backbones.py`.

    Raises:
        FileNotFoundError: `weights` is a path without a file.
    """
    if weights is None:
        return [RANDOM]
    if weights == "imagenet":
        return [IMAGENET]
    if weights == "demo":
        return [DEMO]
    if weights == "auto":
        folder = os.environ.get(WEIGHTS_FOLDER)
        file = Path(folder) / f"{architecture}_imagenet_notop.weights.h5" if folder else None
        return [_from_file(file)] if file and file.is_file() else [IMAGENET, RANDOM]
    return [_from_file(Path(weights).expanduser())]


def _from_file(path: Path) -> InitialWeights:
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights file '{path}': give the path of a Keras weights file (include_top=False), "
            f"set {WEIGHTS_FOLDER} if the path uses it, or set `weights: imagenet` to download"
        )
    return InitialWeights(path.name, path)


def server_answers(url: str, timeout: float) -> bool:
    """Return whether a server answers within `timeout` seconds.

    The request runs in a thread: the timeout of a socket does not limit name resolution, and a server with several
    addresses takes one timeout for each.
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
def download_timeout(weights: InitialWeights) -> Iterator[None]:
    """Limit every wait for the network within the block: Keras downloads without a timeout.

    If the server does not answer, the block still runs with a very short timeout: the file may be in Keras' cache.
    """
    if weights is not IMAGENET:
        yield
        return
    before = socket.getdefaulttimeout()
    answers = server_answers(DOWNLOAD_SERVER, DOWNLOAD_TIMEOUT)
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT if answers else NO_ANSWER_TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def seeded_initialisers(seed: int) -> Iterator[None]:
    """Seed the layers that are built within the block; restore the caller's random state afterwards.

    `keras.applications` passes no seed to its initialisers and dropout layers; Keras then draws one from Python's
    `random`.
    """
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def is_failed_download(error: Exception) -> bool:
    """Return whether an error of a constructor is a failed download rather than a wrong argument."""
    return isinstance(error, OSError) or str(error).startswith("URL fetch failure")  # keras.utils.get_file


def load_weights_file(network: keras.Model, file: Path, architecture: str) -> None:
    """Load a Keras weights file (`.weights.h5`, or `.h5` of older versions) into a backbone.

    Raises:
        ValueError: The file has the weights of another network, or is not a weights file.
    """
    try:
        with catch_warnings():
            filterwarnings("ignore", "Skipping nested container")  # one per layer; the error below is enough
            network.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{file.name} does not hold the weights of {architecture} (include_top=False) with the options given: "
            f"check backbones.{architecture}.weights and .options"
        ) from error


def sha256_of_weights(weights: InitialWeights, network: keras.Model) -> str:
    """Return the SHA-256 of the weights file, as `sha256sum` prints it; without a file, of the arrays."""
    if weights.file is not None:
        return sha256_of_file(weights.file)
    digest = hashlib.sha256()
    for variable in network.weights:
        array = np.ascontiguousarray(keras.ops.convert_to_numpy(variable))
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()
