"""The environment of a run: code, packages, machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import keras

PACKAGES = (
    "lung_cxr",
    "keras",
    "tensorflow",
    "tensorflow_cpu",
    "jax",
    "torch",
    "numpy",
    "pandas",
    "scikit-learn",
    "kedro",
)


def describe_environment() -> dict[str, Any]:
    """Return `git_commit` (null with a reason outside a repository), `package_versions`, `python` and `device`."""
    return {
        **_git_commit(Path(__file__).parent),
        "package_versions": {name: found for name in PACKAGES if (found := _version(name))},
        "python": platform.python_version(),
        "device": _device(),
    }


def on_gpu() -> bool:
    """Return whether Keras computes on a GPU.

    Reads the device of a tensor, because `keras.distribution.list_devices` fails with PyTorch (Keras 3.15).
    """
    return "cpu" not in str(keras.ops.zeros(()).device).lower()


def _git_commit(folder: Path) -> dict[str, Any]:
    """Return the commit of the repository of `folder`, and whether tracked files differ from it."""
    commit = _output("git", "-C", str(folder), "rev-parse", "HEAD")
    if commit is None:
        return {"git_commit": None, "git_commit_reason": "the code is not in a git repository with a commit"}
    changed = _output("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no", ".")
    return {"git_commit": commit, "git_uncommitted_changes": bool(changed)}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device() -> str:
    """Return the names of the GPUs, or the processor and its number of cores."""
    if on_gpu():
        return _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") or "GPU"
    cores = os.cpu_count()
    return f"{_processor()}, {cores} cores"


def _processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _output(*command: str) -> str | None:
    """Return the output of a command, or None if it cannot be run or fails."""
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return finished.stdout.strip()
