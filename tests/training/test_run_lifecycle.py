"""From settings to record: up to date, resumed, superseded, failed."""

import hashlib
import itertools
import json
import logging
import shutil
from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.datasets import RunsDataset
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.decision_rule import fit_decision_rule, training_shares
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.training import loop, runs
from lung_cxr.training.run import checkpoint
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.history import read_history
from lung_cxr.training.run.rule_file import stored_references, stored_rule
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


@pytest.fixture(scope="module")
def finished_once(experiment, tiny_classifier, tmp_path_factory):
    """A folder with one finished run of three epochs, for all tests that begin with one."""
    root = tmp_path_factory.mktemp("finished")
    dataset = RunsDataset(filepath=str(root / "outputs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "build_classifier", tiny_classifier)
        for record in train_seeds(experiment(), lambda seed: RunFolders(root / "models", root / "outputs", seed)):
            dataset.save(record)
    return root


@pytest.fixture
def finished(finished_once, folders, tmp_path):
    """The finished run, in this test's own folders; returns its record."""
    shutil.copytree(finished_once, tmp_path, dirs_exist_ok=True)
    return json.loads(folders(SEED).record.read_text())


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
        validate = loop.FineTuning.validate
        monkeypatch.setattr(
            loop.FineTuning,
            "validate",
            lambda self: validate(self)._replace(loss=losses[self.schedule.epoch]),
        )

    return plan


def without_seconds(folders):
    return read_history(folders(SEED).history).drop(columns="seconds")


def test_a_run_leaves_everything_that_is_promised(finish, folders, images, planned_losses):
    planned_losses(np.nan, 1.0)  # one epoch a stage
    (record,) = finish(max_epochs=2, strategy_changes={"patience": 1, "step": 2})
    place = folders(SEED)
    history = read_history(place.history)
    assert list(history["event"]) == ["unfreeze", "stop:budget"]
    predictions = contracts.predictions.validate(pd.read_parquet(place.predictions))
    expected = images.split[images.split["subset"] != "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(predictions[list(expected.columns)], expected, check_like=True)
    assert np.allclose(predictions[list(PROBABILITY_COLUMNS)].sum(axis=1), 1)
    assert json.loads(place.identity.read_text()).items() <= record.items()
    assert not place.checkpoints.folder.exists(), "the record makes them superfluous"

    assert (record["backbone"], record["strategy"], record["seed"]) == ("mobilenet", "dynamic", SEED)
    assert (record["patience"], record["step"], record["decay"], record["layer_groups"]) == (1, 2, 0.1, 3)
    assert (record["status"], record["stop_reason"], record["max_epochs"]) == ("finished", "budget", 2)
    assert (record["epochs"], record["unfreezings"], record["final_unfrozen_groups"]) == (2, 1, 2)
    assert (record["backend"], record["precision"]) == (keras.backend.backend(), "float32")
    assert (record["initial_weights"], record["load_time_repeats"]) == ("random", 0)
    assert record["batch_normalisation_images"] == 48
    assert record["effective_class_weights"].keys() == set(contracts.DISEASES)
    assert sum(record["effective_class_weights"].values()) == pytest.approx(1)
    assert record["metrics"].keys() == {"validation", "test"}
    assert record["package_versions"]["keras"] == keras.__version__
    assert record["size_mb"] > record["weights_mb"] > 0
    assert record["model_sha256"] == hashlib.sha256(place.model.read_bytes()).hexdigest()
    assert sum(record["test_images"].values()) == 16
    assert (record["synthetic"], "synthetic" in record["synthetic_reason"]) == (None, True)
    assert place.model_card.parent == place.model.parent
    assert record["model_sha256"] in place.model_card.read_text(encoding="utf-8")


@pytest.mark.usefixtures("finished")
def test_a_run_that_is_up_to_date_gets_the_card_that_it_lacks(finish, folders):
    card = folders(SEED).model_card
    made = card.read_text(encoding="utf-8")
    card.unlink()
    assert finish() == []
    assert card.read_text(encoding="utf-8") == made


@pytest.mark.usefixtures("finished")
def test_the_decision_rule_is_fitted_on_the_stored_predictions_and_the_training_features(finish, folders, finished):
    folder = folders(SEED).model.parent
    rule = stored_rule(folder)
    predictions = pd.read_parquet(folders(SEED).predictions)
    settings = DecisionRuleParameters(**rule["settings"])
    assert fit_decision_rule(predictions, settings, training_shares(finished), rule["distance"]) == rule
    assert (rule["validation"], len(rule["distance"]["quantiles"])) == ({"images": 16, "patients": 16}, 101)
    assert stored_references(folder).shape == (48, 12)
    assert f"Temperature: {rule['temperature']:.4g}" in folders(SEED).model_card.read_text(encoding="utf-8")
    (folder / "decision_rule.json").unlink()
    assert finish() == [], "the run is up to date"
    again = stored_rule(folder)
    assert again.pop("distance")["quantiles"] == pytest.approx(rule.pop("distance")["quantiles"], abs=1e-5)
    assert again == rule
    finish(decision_rule={"coverage": 0.8})
    assert stored_rule(folder)["set_threshold"] > rule["set_threshold"], "fitted for the new target"


@pytest.mark.usefixtures("finished")
def test_the_saved_model_alone_gives_the_predictions(folders, images):
    model = keras.saving.load_model(folders(SEED).model)
    test = images.rows("test")
    logits = model.predict(images.batch(test), verbose=0)
    predictions = pd.read_parquet(folders(SEED).predictions).set_index("image_id")
    stored = predictions.loc[images.split["image_id"].iloc[test], list(PROBABILITY_COLUMNS)].to_numpy()
    assert np.abs(keras.ops.convert_to_numpy(keras.ops.softmax(logits)) - stored).max() < 1e-5
    assert not any("augmentation" in layer.name for layer in model.layers)
    assert model.get_layer("dropout_2").rate == 0.1, "frozen or not, the saved model has the architecture's rate"


@pytest.fixture(scope="module")
def mixed(experiment, tiny_classifier, tmp_path_factory):
    """The record of one traditional epoch in mixed precision, and the global precision after it."""
    root, study = tmp_path_factory.mktemp("mixed"), experiment("traditional", max_epochs=1, precision="mixed_bfloat16")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "build_classifier", tiny_classifier)
        (record,) = train_seeds(study, lambda seed: RunFolders(root / "models", root / "outputs", seed))
    return record, keras.config.dtype_policy().name


def test_the_global_precision_is_left_as_it_was(mixed):
    record, precision_after = mixed
    assert (record["status"], record["precision"]) == ("finished", "mixed_bfloat16")
    assert precision_after == "float32"


def test_what_is_undefined_is_null_with_a_reason(mixed):
    record, _ = mixed
    assert record["step"] is None
    assert record["step_reason"] == "traditional fine-tuning has no such setting"
    assert record["load_time_s"] is None
    assert "load_time_repeats" in record["load_time_s_reason"]
    for numbers in (record, *record["metrics"].values()):
        for name, value in numbers.items():
            assert value is not None or numbers[f"{name}_reason"]
    json.dumps(record, allow_nan=False)


@pytest.mark.usefixtures("finished")
def test_what_is_up_to_date_is_skipped_and_said(finish, folders, caplog):
    before = folders(SEED).record.stat().st_mtime_ns
    with caplog.at_level(logging.INFO):
        assert finish() == []
    assert "mobilenet, dynamic, seed 7: up to date" in caplog.text
    assert folders(SEED).record.stat().st_mtime_ns == before


@pytest.mark.usefixtures("finished")
def test_checkpoints_that_a_kill_left_beside_the_record_are_removed(finish, folders):
    left = folders(SEED).checkpoints.folder
    left.mkdir()
    (left / "epoch_00003.npz").touch()
    assert finish() == []
    assert not left.exists()


def test_a_load_time_that_was_not_measured_is_measured_when_it_is_asked_for(finish, finished, monkeypatch, folders):
    measured = {"load_time_s": 2.0, "import_s": 1.5, "load_s": 0.5, "first_prediction_s": 0.25}
    measured |= {"single_image_p50_ms": 40.0, "single_image_p95_ms": 60.0}
    monkeypatch.setattr(runs, "measure_load_time", lambda model, repeats, predictions: dict(measured))
    (record,) = finish(load_time_repeats=3, single_image_predictions=9)
    unmeasured = {name for name in finished if name.removesuffix("_reason") in measured}
    unmeasured |= {"load_time_repeats", "single_image_predictions"}
    assert record.items() >= {**measured, "load_time_repeats": 3, "single_image_predictions": 9}.items()
    assert not any(f"{name}_reason" in record for name in measured)
    assert {**finished, **dict.fromkeys(unmeasured)} == {**record, **dict.fromkeys(unmeasured)}, "all else stays"
    assert json.loads(folders(SEED).record.read_text()) == record
    assert finish(load_time_repeats=5) == [], "it has one now"


def test_another_setting_starts_afresh_and_keeps_the_old_run(finish, finished, tmp_path):
    (new,) = finish(learning_rate=5e-4, max_epochs=1)
    assert new["learning_rate"] == 5e-4
    for parent, file in ((tmp_path / "outputs", "run_record.json"), (tmp_path / "models", "model.keras")):
        (kept,) = parent.glob(f"superseded/*/seed_{SEED}/{file}")
        assert (parent / f"seed_{SEED}" / file).exists()
        if file.endswith("json"):
            assert json.loads(kept.read_text()) == finished


@pytest.mark.usefixtures("finished")
def test_force_runs_again_and_gives_the_same_numbers(finish, folders, tmp_path):
    first = without_seconds(folders)
    assert len(finish(force=True)) == 1
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
    assert f"checkpoint after epoch {epochs}" in caplog.text
    assert record["epochs"] == 5
    pd.testing.assert_frame_equal(without_seconds(folders), undisturbed, rtol=1e-6)
    for one, other in zip(weights_of(folders), weights, strict=True):
        assert np.allclose(one, other, rtol=1e-5, atol=1e-7)


def weights_of(folders):
    return keras.saving.load_model(folders(SEED).model).get_weights()


@pytest.mark.slow  # test_checkpoint.py tests the choice of a checkpoint, and a kill the way back from one
@pytest.mark.usefixtures("finished")
def test_a_damaged_checkpoint_costs_an_epoch_not_the_run(finish, folders, killed_after, caplog):
    undisturbed = without_seconds(folders)
    with killed_after(2):
        finish(force=True)
    (folders(SEED).checkpoints.folder / "epoch_00002.npz").write_bytes(b"half a file")
    with caplog.at_level(logging.INFO):
        finish()
    assert "epoch_00002.npz is damaged" in caplog.text
    assert "checkpoint after epoch 1" in caplog.text
    pd.testing.assert_frame_equal(without_seconds(folders), undisturbed, rtol=1e-6)


@pytest.mark.slow  # test_run_folders.py tests what becomes of the checkpoints
def test_an_unfinished_run_with_other_settings_is_not_continued(finish, folders, killed_after, caplog):
    with killed_after(1):
        finish()
    with caplog.at_level(logging.INFO):
        finish(learning_rate=5e-4, max_epochs=1)
    assert "Resuming" not in caplog.text
    assert read_history(folders(SEED).history)["learning_rate"].tolist() == [5e-4]


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
        patch.setattr(runs, "save_model", full)
        failure = finish(max_epochs=1)[0]["failure"]
    assert failure.startswith("OSError: [Errno 28] No space left on device. Free some space")
    with caplog.at_level(logging.INFO):
        assert finish(max_epochs=1)[0]["status"] == "finished"
    assert "checkpoint after epoch 1" in caplog.text


def test_a_disk_full_at_a_checkpoint_costs_that_epoch_and_says_what_to_do(finish, folders, monkeypatch, caplog):
    savez, count = np.savez, itertools.count(1)

    def full_in_the_second_epoch(stream, **arrays):
        if next(count) == 2:
            stream.write(b"half a checkpoint")
            raise OSError(28, "No space left on device")
        savez(stream, **arrays)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.np, "savez", full_in_the_second_epoch)
        (failed,) = finish(max_epochs=2)
    assert failed["status"] == "failed"
    assert "No space left on device. Free some space" in failed["failure"]
    assert [path.name for path in folders(SEED).checkpoints.folder.iterdir()] == ["epoch_00001.npz"]
    with caplog.at_level(logging.INFO):
        (record,) = finish(max_epochs=2)
    assert "checkpoint after epoch 1" in caplog.text
    assert (record["status"], record["epochs"]) == ("finished", 2)


@pytest.fixture
def no_weights(monkeypatch):
    """Within the context, no network can be built."""

    def missing(*args, **kwargs):
        raise FileNotFoundError("no weights file '/home/jane doe/weights/mobilenet.h5': give the path")

    @contextmanager
    def plan():
        with monkeypatch.context() as patch:
            patch.setattr(runs, "build_classifier", missing)
            yield

    return plan


def test_a_failure_before_training_does_not_cover_the_results_of_another_run(finish, finished, no_weights, tmp_path):
    with no_weights():
        (failed,) = finish(learning_rate=5e-4)
    assert failed["failure"] == "FileNotFoundError: no weights file 'mobilenet.h5': give the path"
    (kept,) = tmp_path.glob(f"outputs/superseded/*/seed_{SEED}/run_record.json")
    assert json.loads(kept.read_text()) == finished


@pytest.mark.parametrize("changes", [{}, {"force": True}])
def test_a_passing_failure_costs_no_results(finish, finished, no_weights, tmp_path, caplog, changes):
    def stored():
        return {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before, dataset = stored(), RunsDataset(filepath=str(tmp_path / "outputs"))
    with no_weights():
        assert finish(**changes) == []
    (run,) = dataset.load()
    assert (run.finished, run.record) == (True, finished)
    assert run.failure == "FileNotFoundError: no weights file 'mobilenet.h5': give the path"
    assert "/home/jane doe/weights/mobilenet.h5" in caplog.text, "the log says where it was sought"
    assert stored().items() - before.items() == {(run.folder / "failure.json", stored()[run.folder / "failure.json"])}

    assert finish() == []
    assert dataset.load()[0].failure is None
    assert stored() == before


def test_ctrl_c_is_no_failure(finish, folders, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "_fine_tune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish()
    assert not folders(SEED).record.exists()
