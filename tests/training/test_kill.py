"""`kill -9`, again and again: a run that was killed cannot be told from one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from one_run import EPOCHS, MOMENTS, SEED

RUN = Path(__file__).with_name("one_run.py")
DETERMINISTIC = {"TF_DETERMINISTIC_OPS": "1"}  # TensorFlow's flag: without it, sums may be added up in any order


def start(folder, *death):
    path = os.pathsep.join([str(RUN.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **DETERMINISTIC, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, str(RUN), str(folder), *map(str, death)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed_from_outside(folder, delay):
    """Kill the process a while after its first epoch; return what it printed."""
    with start(folder) as process:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if f"epoch 1/{EPOCHS}" in line:
                time.sleep(delay)
                process.kill()
        process.wait(timeout=600)
    assert process.returncode == -signal.SIGKILL, "".join(printed)[-3000:]
    return "".join(printed)


def ended(folder, *death):
    """Let the process run until it kills itself or is done; return what it printed."""
    with start(folder, *death) as process:
        printed, _ = process.communicate(timeout=600)
    assert process.returncode == (-signal.SIGKILL if death else 0), printed[-3000:]
    return printed


def results(folder):
    place = folder / "outputs" / f"seed_{SEED}"
    history = pd.read_csv(place / "history.csv", dtype=str).drop(columns="seconds")  # as text: to the last digit
    weights = keras.saving.load_model(folder / "models" / f"seed_{SEED}" / "model.keras").get_weights()
    return history, pd.read_parquet(place / "predictions.parquet"), weights


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the deterministic flag is TensorFlow's")
@pytest.mark.parametrize(("strategy", "stages"), [("dynamic", {"0", "1", "2"}), ("crt", {"0", "1"})])
def test_a_run_killed_at_five_random_moments_ends_as_if_nothing_had_happened(tmp_path, monkeypatch, strategy, stages):
    monkeypatch.setenv("STRATEGY", strategy)
    random = np.random.default_rng(2024)
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    ended(undisturbed)

    killed_from_outside(disturbed, delay=random.uniform(0, 1))  # in the second epoch or the third
    epochs = sorted(random.choice(np.arange(4, EPOCHS + 1), size=len(MOMENTS), replace=False))
    for epoch, moment in zip(epochs, random.permutation(MOMENTS), strict=True):
        printed = ended(disturbed, moment, epoch)
        assert f"epoch {epoch - 1}/{EPOCHS}" in printed or f"checkpoint after epoch {epoch - 1}" in printed, moment
        assert not (disturbed / "outputs" / f"seed_{SEED}" / "run_record.json").exists()
    after = epoch if moment == MOMENTS[3] else epoch - 1
    assert f"checkpoint after epoch {after}" in ended(disturbed)

    (history, predictions, weights), (its_history, its_predictions, its_weights) = map(
        results, (undisturbed, disturbed)
    )
    assert len(history) == EPOCHS
    assert set(history["stage"]) == stages
    pd.testing.assert_frame_equal(its_history, history)
    pd.testing.assert_frame_equal(its_predictions, predictions, check_exact=True)
    assert [value.tobytes() for value in its_weights] == [value.tobytes() for value in weights]
    left = {path.name for path in disturbed.rglob("*") if path.is_file()}
    assert left == {path.name for path in undisturbed.rglob("*") if path.is_file()}, "no checkpoint, no half a file"
