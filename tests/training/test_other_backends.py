"""Training under the other Keras backends: tests of a run's life, once more in a process of their own."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LIFE = Path(__file__).with_name("test_run_lifecycle.py")
LOOP = Path(__file__).with_name("test_loop.py")
A_RUN = f"{LIFE}::test_a_run_leaves_everything_that_is_promised"
RATES = f"{LOOP}::test_the_optimiser_trains_at_the_learning_rate_of_the_schedule_in_every_epoch[1]"  # and resumed
GPU_DATASET = Path(__file__).with_name("test_gpu_dataset.py")
RESIDENT = f"{GPU_DATASET}::test_training_from_resident_pixels_is_training_from_batches"
QUICK_JAX = {"JAX_PLATFORMS": "cpu", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # compiling is what takes its time
A_KILL = f"{LIFE}::test_a_killed_run_goes_on_as_if_nothing_had_happened"


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_dynamic_run_learning_rates_and_resident_pixels(backend):
    pass_there(backend, A_RUN, RATES, RESIDENT)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_killed_run(backend):
    pass_there(backend, A_KILL)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_learning_rates_per_variable_and_losses(backend):
    pass_there(backend, *(str(Path(__file__).with_name(f"test_{of}.py")) for of in ("optimizer", "losses")))


def pass_there(backend, *tests):
    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", *tests],
        env={**os.environ, "KERAS_BACKEND": backend, **QUICK_JAX},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-4000:]
    assert " passed" in finished.stdout
