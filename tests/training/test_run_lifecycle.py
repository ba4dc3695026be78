"""From settings to record: up to date, resumed, superseded, failed."""

import itertools
import json
import logging
from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.datasets import RunsDataset
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.training import loop, runs
from lung_cxr.training.history import read_history
from lung_cxr.training.identity import IDENTITY
from lung_cxr.training.runs import train_seeds

SEED = 7


class Killed(BaseException):
    """Stands for `kill -9`: nothing in the code may catch it."""


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch, tiny_classifier):
    monkeypatch.setattr(runs, "build_classifier", tiny_classifier)


@pytest.fixture
def finish(experiment, folders, tmp_path):
    """Train what is not up to date and store the records, as the node and its dataset do; return the records."""

    def do(**changes):
        dataset, made = RunsDataset(filepath=str(tmp_path / "outputs")), []
        for record in train_seeds(experiment(**changes), folders):
            dataset.save(record)
            made.append(record)
        return made

    return do


@pytest.fixture
def killed_after(monkeypatch):
    """Within the context, the n-th checkpoint is the last thing that a process does."""

    @contextmanager
    def plan(epochs):
        save, count = loop.CheckpointFolder.save, itertools.count(1)

        def save_and_die(self, checkpoint):
            save(self, checkpoint)
            if next(count) == epochs:
                raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):  # noqa: PT012  the block is the test's
            patch.setattr(loop.CheckpointFolder, "save", save_and_die)
            yield

    return plan


@pytest.fixture
def planned_losses(monkeypatch):
    """Replace the validation losses by a plan, epoch by epoch; all else is as computed."""

    def plan(*losses):
        validate = loop.FineTuning._validate
        monkeypatch.setattr(
            loop.FineTuning,
            "_validate",
            lambda self: validate(self)._replace(loss=losses[self.schedule.epoch]),
        )

    return plan


def without_seconds(folders):
    return read_history(folders(SEED).history).drop(columns="seconds")


def test_a_finished_run_leaves_everything_that_is_promised(finish, folders, images):
    (record,) = finish()
    place = folders(SEED)
    history = contracts.history.validate(pd.read_csv(place.history, keep_default_na=False))
    assert record["epochs"] == len(history) == 3
    predictions = contracts.predictions.validate(pd.read_parquet(place.predictions))
    expected = images.split[images.split["subset"] != "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(predictions[list(expected.columns)], expected, check_like=True)
    assert np.allclose(predictions[list(PROBABILITY_COLUMNS)].sum(axis=1), 1)
    assert json.loads(place.identity.read_text()).items() <= record.items()
    assert not place.checkpoints.folder.exists(), "the record makes them superfluous"


def test_the_saved_model_alone_gives_the_predictions(finish, folders, images):
    finish()
    model = keras.saving.load_model(folders(SEED).model)
    test = images.rows("test")
    logits = model.predict(images.batch(test), verbose=0)
    predictions = pd.read_parquet(folders(SEED).predictions).set_index("image_id")
    stored = predictions.loc[images.split["image_id"].iloc[test], list(PROBABILITY_COLUMNS)].to_numpy()
    assert np.abs(keras.ops.convert_to_numpy(keras.ops.softmax(logits)) - stored).max() < 1e-5
    assert not any("augmentation" in layer.name for layer in model.layers)
    assert model.get_layer("dropout_2").rate == 0.1, "frozen or not, the saved model has the architecture's rate"


def test_the_record_says_what_was_done(finish):
    (record,) = finish(strategy_changes={"patience": 1, "step": 2})
    assert (record["backbone"], record["strategy"], record["seed"]) == ("mobilenet", "dynamic", SEED)
    assert (record["patience"], record["step"], record["decay"], record["layer_groups"]) == (1, 2, 0.1, 3)
    assert (record["status"], record["stop_reason"], record["max_epochs"]) == ("finished", "budget", 3)
    assert (record["backend"], record["precision"]) == (keras.backend.backend(), "float32")
    assert record["initial_weights"] == "random"
    assert record["batch_normalisation_images"] == 48
    assert record["effective_class_weights"].keys() == set(contracts.DISEASES)
    assert sum(record["effective_class_weights"].values()) == pytest.approx(1)
    assert record["metrics"].keys() == {"validation", "test"}
    assert record["package_versions"]["keras"] == keras.__version__
    assert record["size_mb"] > record["weights_mb"] > 0


def test_what_is_undefined_is_null_with_a_reason(finish):
    (record,) = finish(strategy="traditional")
    assert record["step"] is None
    assert record["step_reason"] == "traditional fine-tuning has no such setting"
    assert record["load_time_s"] is None
    assert "load_time_repeats" in record["load_time_s_reason"]
    for numbers in (record, *record["metrics"].values()):
        for name, value in numbers.items():
            assert value is not None or numbers[f"{name}_reason"]
    json.dumps(record, allow_nan=False)


def test_the_weights_are_named_by_file_and_hash_not_by_folder(experiment, backbone):
    made = experiment()
    there = backbone.model_copy(update={"weights": "/somewhere/mobilenet.weights.h5"})
    identity = type(made)(**{**vars(made), "backbone": there}).identity(SEED)
    assert identity["parameters"]["backbone"]["weights"] == "mobilenet.weights.h5"


def test_what_is_up_to_date_is_skipped_and_said(finish, folders, caplog):
    finish()
    before = folders(SEED).record.stat().st_mtime_ns
    with caplog.at_level(logging.INFO):
        assert finish() == []
    assert "mobilenet, dynamic, seed 7: up to date" in caplog.text
    assert folders(SEED).record.stat().st_mtime_ns == before


@pytest.mark.parametrize("changes", [{"load_time_repeats": 0, "seeds": [7]}, {"force": False}])
def test_settings_that_change_no_number_leave_a_run_up_to_date(finish, changes):
    finish(max_epochs=1)
    assert finish(max_epochs=1, **changes) == []


def test_another_setting_starts_afresh_and_keeps_the_old_run(finish, folders, tmp_path):
    (old,) = finish(max_epochs=1)
    (new,) = finish(max_epochs=1, learning_rate=5e-4)
    assert new["learning_rate"] == 5e-4
    for parent, file in ((tmp_path / "outputs", "run_record.json"), (tmp_path / "models", "model.keras")):
        (kept,) = parent.glob(f"superseded/*/seed_{SEED}/{file}")
        assert (parent / f"seed_{SEED}" / file).exists()
        if file.endswith("json"):
            assert json.loads(kept.read_text()) == old


@pytest.mark.parametrize("field", IDENTITY)
def test_every_part_of_the_identity_counts(experiment, folders, field):
    identity, place = experiment().identity(SEED), folders(SEED)
    place.start(identity)
    place.record.parent.mkdir(parents=True)
    place.record.write_text(json.dumps({**identity, "status": "finished"}))
    assert place.outlook(identity, force=False) == "up to date"
    assert place.outlook(identity, force=True) == "new"
    assert place.outlook({**identity, field: "another"}, force=False) == "new"


def test_force_runs_again_and_gives_the_same_numbers(finish, folders, tmp_path):
    finish(max_epochs=2)
    first = without_seconds(folders)
    assert len(finish(max_epochs=2, force=True)) == 1
    pd.testing.assert_frame_equal(without_seconds(folders), first, rtol=1e-6)
    assert len(list(tmp_path.glob(f"outputs/superseded/*/seed_{SEED}/run_record.json"))) == 1


@pytest.mark.parametrize(
    "epochs",
    [
        2,  # within a stage: optimiser, dropout, counter and best weights go on
        pytest.param(3, marks=pytest.mark.slow),  # right after an unfreezing
        pytest.param(5, marks=pytest.mark.slow),  # after the last epoch: only what comes after training is left
    ],
)
def test_a_killed_run_goes_on_as_if_nothing_had_happened(finish, folders, killed_after, planned_losses, epochs, caplog):
    settings = {"max_epochs": 5, "strategy_changes": {"patience": 2, "step": 2}, "learning_rate": 1e-2}
    planned_losses(1.0, 1.2, 1.1, 0.9, 1.0)
    finish(**settings)
    undisturbed, weights = without_seconds(folders), weights_of(folders)
    assert list(undisturbed["event"]) == ["", "", "unfreeze", "", "stop:budget"]

    with killed_after(epochs):
        finish(force=True, **settings)
    assert len(read_history(folders(SEED).history)) == epochs
    assert not folders(SEED).record.exists()
    with caplog.at_level(logging.INFO):
        (record,) = finish(force=True, **settings)
    assert f"Continuing after epoch {epochs}" in caplog.text
    assert record["epochs"] == 5
    pd.testing.assert_frame_equal(without_seconds(folders), undisturbed, rtol=1e-6)
    for one, other in zip(weights_of(folders), weights, strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-7)


def weights_of(folders):
    return keras.saving.load_model(folders(SEED).model).get_weights()


def test_a_damaged_checkpoint_costs_an_epoch_not_the_run(finish, folders, killed_after, caplog):
    with killed_after(2):
        finish()
    (folders(SEED).checkpoints.folder / "epoch_00002.npz").write_bytes(b"half a file")
    with caplog.at_level(logging.INFO):
        finish()
    assert "epoch_00002.npz is damaged" in caplog.text
    assert "Continuing after epoch 1" in caplog.text
    assert list(read_history(folders(SEED).history)["epoch"]) == [1, 2, 3]


def test_an_unfinished_run_with_other_settings_is_not_continued(finish, folders, killed_after, caplog):
    with killed_after(2):
        finish()
    with caplog.at_level(logging.INFO):
        finish(learning_rate=5e-4)
    assert "Continuing" not in caplog.text
    assert len(read_history(folders(SEED).history)) == 3


def test_a_failing_seed_leaves_its_reason_and_the_next_one_runs(finish, folders, monkeypatch, tiny_classifier):
    def fails_for_7(*args, seed, **kwargs):
        if seed == 7:
            raise MemoryError("the network does not fit " + "x" * 9999)
        return tiny_classifier(seed=seed, **kwargs)

    monkeypatch.setattr(runs, "build_classifier", fails_for_7)
    failed, finished = finish(max_epochs=1, seeds=[7, 8])
    assert failed["status"] == "failed"
    assert failed["failure"].startswith("MemoryError: the network does not fit")
    assert len(failed["failure"]) < 1000
    assert failed["learning_rate"] == 1e-3, "the record says what failed"
    assert (finished["seed"], finished["status"]) == (8, "finished")


def test_a_failed_run_is_tried_again_from_where_it_stopped(finish, monkeypatch, caplog):
    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(runs, "_save_model", full)
        assert finish()[0]["failure"] == "OSError: [Errno 28] No space left on device"
    with caplog.at_level(logging.INFO):
        assert finish()[0]["status"] == "finished"
    assert "Continuing after epoch 3" in caplog.text


def test_a_failure_before_training_does_not_cover_the_results_of_another_run(finish, monkeypatch, tmp_path):
    (good,) = finish(max_epochs=1)

    def missing(*args, **kwargs):
        raise FileNotFoundError("no weights file mobilenet.h5")

    monkeypatch.setattr(runs, "build_classifier", missing)
    assert finish(learning_rate=5e-4)[0]["status"] == "failed"
    (kept,) = tmp_path.glob(f"outputs/superseded/*/seed_{SEED}/run_record.json")
    assert json.loads(kept.read_text()) == good


def test_the_global_precision_is_left_as_it_was(finish):
    (record,) = finish(precision="mixed_bfloat16", max_epochs=1)
    assert record["precision"] == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_ctrl_c_is_no_failure(finish, folders, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_fine_tune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish()
    assert not folders(SEED).record.exists()
