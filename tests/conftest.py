"""What every test shares: quiet TensorFlow, no GPU, no plotting window, and where optional real data lie."""

import os
from pathlib import Path

import kedro.framework.project  # noqa: F401  it sets up logging: after absl (Keras) that closes pytest's stderr
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """The repository's root."""
    return PROJECT


def _folder_of(variable: str, what: str) -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: {what} is not here")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"{variable} names no folder: {what} is not here")
    return folder


@pytest.fixture(scope="session")
def public_cxr() -> Path:
    """Folder of the public chest X-rays (`metadata.csv`, `images/` …); skips where it is not given."""
    return _folder_of("LUNG_CXR_PUBLIC_ROOT", "the public chest X-ray collection")


@pytest.fixture(scope="session")
def imagenet_weights() -> Path:
    """Folder of ImageNet weights (`mobilenet_imagenet_notop.weights.h5` …); skips where it is not given."""
    return _folder_of("LUNG_CXR_WEIGHTS", "the ImageNet weights")
