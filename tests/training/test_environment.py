import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from lung_cxr.training.run import environment

SAID = """
from lung_cxr.training.run.environment import describe_environment, on_gpu
print(on_gpu(), describe_environment()['device'])
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_the_device_is_found_on_every_backend(backend, project):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    hidden = {"CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu"}
    environment = {**os.environ, **hidden, "KERAS_BACKEND": backend, "PYTHONPATH": str(project / "src")}
    done = subprocess.run([sys.executable, "-c", SAID], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("False ")
    assert done.stdout.splitlines()[-1].endswith(" cores")


def test_a_gpu_is_called_by_its_name(monkeypatch):
    monkeypatch.setattr(environment, "on_gpu", lambda: True)
    monkeypatch.setattr(environment, "_output", lambda *command: "NVIDIA H100 80GB HBM3")
    assert environment.describe_environment()["device"] == "NVIDIA H100 80GB HBM3"
