"""A sweep on the tiny network: every run as if it had been trained alone, and every shared epoch trained once."""

import itertools
import json
import logging
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr.datasets import SweepRunsDataset
from lung_cxr.parameters import SensitivityParameters
from lung_cxr.training import loop, runs
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.history import read_history
from lung_cxr.training.runs import train_seeds
from lung_cxr.training.sweep.grid import dynamic_grid_points, traditional_grid_points
from lung_cxr.training.sweep.sweep import train_grid_points

SEED = 7
LOSSES = (1.0, 1.2, 1.1, 0.9, 1.0)  # p = 1 unfreezes after epoch 2, p = 2 after epoch 3
SETTINGS = {"patience": [2, 1], "step": [3, 7], "decay": [0.1], "max_epochs": [], "depths": []}
"""With three layer groups, k = 3 and k = 7 are the same; p = 1 diverges after the second epoch."""

TRAINING = {"max_epochs": 5, "learning_rate": 1e-2}


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the code may catch it."""


@pytest.fixture(scope="module", autouse=True)
def _tiny_network(tiny_classifier):
    validate = loop.FineTuning.validate
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "build_classifier", tiny_classifier)
        patch.setattr(
            loop.FineTuning, "validate", lambda self: validate(self)._replace(loss=LOSSES[self.schedule.epoch])
        )
        yield


@pytest.fixture(scope="module")
def settings(strategy_parameters):
    """Make the settings of a sweep: dynamic and traditional."""

    def make(training, **changes):
        sensitivity = SensitivityParameters(backbones=["mobilenet"], **{**SETTINGS, **changes})
        dynamic, traditional = (strategy_parameters(kind) for kind in ("dynamic", "traditional"))
        return (
            dynamic_grid_points(sensitivity, dynamic, training),
            traditional_grid_points(sensitivity, traditional, training),
        )

    return make


@pytest.fixture(scope="module")
def sweep_in(experiment, settings):
    """Do or go on with a sweep in a folder, as the node and its dataset do; return the records by setting."""

    def do(root, **changes):
        study = experiment("dynamic", **TRAINING)
        dataset, made = SweepRunsDataset(filepath=str(root / "outputs"), backbone="mobilenet"), {}

        def folders(name, seed):
            return RunFolders(root / "models" / name, root / "outputs" / name, seed)

        for record in train_grid_points(study, *settings(study.training, **changes), folders):
            dataset.save(record)
            made[record["sensitivity"]["id"].removeprefix("mobilenet-")] = record
        return made

    return do


@pytest.fixture
def sweep(sweep_in, tmp_path):
    """Run a sweep in the temporary folder of the test."""
    return partial(sweep_in, tmp_path)


@pytest.fixture(scope="module")
def undisturbed(sweep_in, tmp_path_factory):
    """Folder, records and trained epochs of one whole sweep."""
    root, trained = tmp_path_factory.mktemp("undisturbed"), []
    with pytest.MonkeyPatch.context() as patch:
        watch_epochs(patch, trained)
        records = sweep_in(root)
    return root, records, trained


@pytest.fixture
def trained_epochs(monkeypatch):
    """Count the epochs that are really trained."""
    trained = []
    watch_epochs(monkeypatch, trained)
    return trained


def watch_epochs(patch, trained):
    train = loop.FineTuning.train_epoch
    patch.setattr(loop.FineTuning, "train_epoch", lambda self: trained.append(self.schedule.epoch + 1) or train(self))


def folders_of(root, name):
    return RunFolders(root / "models" / f"mobilenet-{name}", root / "outputs" / f"mobilenet-{name}", SEED)


def results(folders):
    history = read_history(folders.history).drop(columns="seconds")
    return history, pd.read_parquet(folders.predictions), keras.saving.load_model(folders.model).get_weights()


def test_runs_with_one_result_have_cards_of_their_own(undisturbed):
    root, records, _ = undisturbed
    for name, record in records.items():
        card = folders_of(root, name).model_card.read_text(encoding="utf-8")
        assert f"sensitivity/mobilenet-{name}/seed_{SEED}\n" in card, "the command that predicts"
        assert f"| `strategy.step` | `{record['step']}` |" in card


def alone(name, experiment, settings, root, **changes):
    """Train one setting of a sweep as a run of its own, in other folders; return these."""
    study = experiment("dynamic", **TRAINING)
    (setting,) = (setting for setting in settings(study.training, **changes)[0] if setting.name == name)
    by_itself = replace(study, strategy=setting.strategy, training=setting.training)
    list(train_seeds(by_itself, lambda seed: folders_of(root / "alone", name)))
    return folders_of(root / "alone", name)


def assert_alike(ours, theirs):
    """Compare bit by bit if TensorFlow is deterministic, else within the rounding of a sum."""
    (history, predictions, weights), (its_history, its_predictions, its_weights) = map(results, (ours, theirs))
    exactly = os.environ.get("TF_DETERMINISTIC_OPS") == "1"
    pd.testing.assert_frame_equal(history, its_history, rtol=0 if exactly else 1e-6)
    pd.testing.assert_frame_equal(predictions, its_predictions, check_exact=exactly, rtol=1e-5, atol=1e-7)
    for one, other in zip(weights, its_weights, strict=True):
        assert np.array_equal(one, other) if exactly else np.allclose(one, other, rtol=1e-5, atol=1e-7)


def test_runs_of_a_sweep_equal_runs_trained_alone(undisturbed, experiment, settings, tmp_path):
    root, records, trained_epochs = undisturbed
    assert {name: record["stop_reason"] for name, record in records.items()} == {
        "p2-k7-decay0.1-n5": "budget",  # first: its record is stored before the checkpoints of its trunk are deleted
        "p2-k3-decay0.1-n5": "budget",
        "p1-k7-decay0.1-n5": "plateau",
        "p1-k3-decay0.1-n5": "plateau",
    }
    assert trained_epochs == [1, 2, 3, 4, 5, 3]
    assert sum(record["epochs"] for record in records.values()) == 5 + 5 + 3 + 3
    for name in ("p2-k3-decay0.1-n5", "p1-k7-decay0.1-n5"):
        assert_alike(folders_of(root, name), alone(name, experiment, settings, tmp_path))


def test_a_run_of_a_sweep_leaves_what_any_run_does_and_says_with_whom_it_was_trained(undisturbed):
    root, records, _ = undisturbed
    for name, record in records.items():
        place = folders_of(root, name)
        assert json.loads(place.record.read_text()) == record
        assert json.loads(place.identity.read_text()).items() <= record.items()
        assert len(read_history(place.history)) == record["epochs"]
        assert not place.checkpoints.folder.exists()
    assert records["p1-k7-decay0.1-n5"]["step"] == 7, "a copy has its own settings"
    assert records["p2-k3-decay0.1-n5"]["sensitivity"] == {
        "id": "mobilenet-p2-k3-decay0.1-n5",
        "shared_epochs": 5,
        "trained_with": {
            "mobilenet-p2-k7-decay0.1-n5": 5,
            "mobilenet-p1-k3-decay0.1-n5": 2,
            "mobilenet-p1-k7-decay0.1-n5": 2,
        },
    }


@pytest.mark.slow  # quick: the test above
def test_every_kind_of_divergence_equals_a_run_trained_alone(sweep, experiment, settings, trained_epochs, tmp_path):
    """With and without an event, and from a run that had diverged itself."""
    changes = {"patience": [1, 2], "step": [2, 3], "max_epochs": [3]}
    records = sweep(**changes)
    assert len(records) == 4 + 1
    assert len(trained_epochs) < sum(record["epochs"] for record in records.values()) * 0.6
    for name in records:
        assert_alike(folders_of(tmp_path, name), alone(name, experiment, settings, tmp_path, **changes))


@pytest.mark.slow
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="the deterministic flag is TensorFlow's")
def test_and_that_to_the_last_bit():
    command = [sys.executable, "-m", "pytest", "-q", "-m", "", f"{__file__}::{EVERY_WAY}"]
    done = subprocess.run(
        command, env={**os.environ, "TF_DETERMINISTIC_OPS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


EVERY_WAY = test_every_kind_of_divergence_equals_a_run_trained_alone.__name__


@pytest.fixture
def killed_before(monkeypatch):
    """Within the context, the process dies where it would write its n-th checkpoint."""

    @contextmanager
    def plan(checkpoints):
        save, count = loop.CheckpointFolder.save, itertools.count(1)

        def save_or_die(self, checkpoint):
            if next(count) == checkpoints:
                raise Killed
            save(self, checkpoint)

        with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012  the block is the test's
            patch.setattr(loop.CheckpointFolder, "save", save_or_die)
            yield

    return plan


@pytest.mark.parametrize(
    ("checkpoint", "again"),
    [
        (3, [2, 3, 4, 5, 3]),  # two diverged at epoch 2; the trunk's own checkpoint is missing
        pytest.param(1, [1, 2, 3, 4, 5, 3], marks=pytest.mark.slow),  # before anything was left
        pytest.param(2, [2, 3, 4, 5, 3], marks=pytest.mark.slow),  # at the divergence itself
        pytest.param(6, [5, 3], marks=pytest.mark.slow),  # later
        pytest.param(7, [3], marks=pytest.mark.slow),  # when the trunk was done
    ],
)
def test_a_killed_sweep_goes_on_where_it_was(
    sweep, undisturbed, killed_before, trained_epochs, tmp_path, checkpoint, again
):
    root, records, _ = undisturbed
    with killed_before(checkpoint):
        sweep()
    trained_epochs.clear()
    sweep()
    assert sorted(trained_epochs) == sorted(again)
    for name, record in records.items():
        assert_alike(folders_of(tmp_path, name), folders_of(root, name))
        assert folders_of(tmp_path, name).stored_record()["sensitivity"] == record["sensitivity"]


def test_a_second_sweep_does_nothing_and_says_so_and_a_later_idea_trains_alone(
    sweep, undisturbed, trained_epochs, tmp_path, caplog
):
    shutil.copytree(undisturbed[0], tmp_path, dirs_exist_ok=True)
    with caplog.at_level(logging.INFO):
        assert sweep() == {}
    assert "mobilenet, seed 7: 4 of 4 runs are up to date" in caplog.text
    assert trained_epochs == []
    (later,) = sweep(max_epochs=[1]).values()
    assert trained_epochs == [1]
    assert later["sensitivity"] == {"id": "mobilenet-p1-k7-decay0.1-n1", "shared_epochs": 0, "trained_with": {}}


def test_a_failure_ends_those_that_train_together_and_no_others(sweep, monkeypatch, trained_epochs):
    train = loop.FineTuning.train_epoch

    def fail_once(self):
        if self.schedule.epoch == 3 and not failed:
            failed.append(True)
            raise MemoryError("too large")
        return train(self)

    failed: list[bool] = []
    monkeypatch.setattr(loop.FineTuning, "train_epoch", fail_once)
    records = sweep()
    assert {name: record["status"] for name, record in records.items()} == {
        "p2-k3-decay0.1-n5": "failed",
        "p2-k7-decay0.1-n5": "failed",
        "p1-k7-decay0.1-n5": "finished",
        "p1-k3-decay0.1-n5": "finished",
    }
    trained_epochs.clear()
    records = sweep()
    assert trained_epochs == [4, 5], "from the last checkpoint, both"
    assert [record["status"] for record in records.values()] == ["finished", "finished"]


@pytest.mark.slow  # quick: the test above
def test_a_full_disk_at_a_divergence_costs_one_epoch(sweep, monkeypatch, trained_epochs):
    save_branch = loop.FineTuning.save_branch

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop.FineTuning, "save_branch", full)
    records = sweep()
    assert {record["status"] for record in records.values()} == {"failed"}
    assert trained_epochs == [1, 2], "branches without a checkpoint fail with their trunk"
    monkeypatch.setattr(loop.FineTuning, "save_branch", save_branch)
    trained_epochs.clear()
    records = sweep()
    assert {record["status"] for record in records.values()} == {"finished"}
    assert trained_epochs == [2, 3, 4, 5, 3]


def test_weights_that_cannot_be_had_fail_every_run(sweep, monkeypatch):
    def missing(*args, **kwargs):
        raise FileNotFoundError("no weights file")

    monkeypatch.setattr(runs, "build_classifier", missing)
    records = sweep()
    assert [record["failure"] for record in records.values()] == ["FileNotFoundError: no weights file"] * 4


@pytest.mark.slow
def test_depths_of_traditional_fine_tuning_are_searches_among_one(sweep):
    records = sweep(patience=[], depths=[1, 3, 9])
    assert {name: record.get("top_layers") for name, record in records.items()} == {
        "depth1": 3,
        "depth3": 10,
        "depth9": None,
    }
    assert "9 layer groups, this backbone has 3" in records["depth9"]["failure"]
