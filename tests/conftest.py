"""What every test shares: quiet TensorFlow, no GPU, no plotting window, and where optional real data lie."""

import gc
import os
from pathlib import Path

import kedro.framework.project  # noqa: F401  it sets up logging: after absl (Keras) that closes pytest's stderr
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("MPLBACKEND", "Agg")

PROJECT = Path(__file__).parents[1]

LONG = ("tests/pipelines", "tests/training", "tests/runners", "tests/leaks", "tests/test_commands.py")

gc.disable()  # until all modules are loaded


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first: with `--no-loadscope-reorder` no worker has long ones left when the other is done."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))


def pytest_collection_finish() -> None:
    """Exempt what is loaded from garbage collection: Keras collects twice per training, half a second each."""
    gc.collect()
    gc.freeze()
    gc.enable()


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
