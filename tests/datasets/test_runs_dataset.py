import json

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from lung_cxr.contracts import history as history_contract
from lung_cxr.datasets import BaselineRunsDataset, RunsDataset, SweepRunsDataset
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.training.run.history import write_history


@pytest.fixture
def dataset(tmp_path):
    return RunsDataset(filepath=str(tmp_path / "mobilenet" / "dynamic"))


def row(**changes):
    values = dict.fromkeys(history_contract.columns, 1) | {"event": "", "val_loss": 0.5}
    return {**values, **changes}


def test_where_no_run_has_ended_the_list_is_empty(dataset, tmp_path):
    assert dataset.load() == []
    assert not dataset.exists()
    (tmp_path / "mobilenet" / "dynamic" / "seed_1").mkdir(parents=True)
    write_history([row()], tmp_path / "mobilenet" / "dynamic" / "seed_1" / "history.csv")
    assert dataset.load() == [], "a run without a record has not ended"


def test_runs_come_back_by_seed_with_their_tables(dataset):
    for seed in (10, 2):
        dataset.save({"seed": seed, "status": "finished", "best_val_loss": 0.25, "load_time_s": None})
    folder = dataset.load()[0].folder
    write_history([row(epoch=1, val_loss=np.nan), row(epoch=2, event="stop:budget")], folder / "history.csv")
    probabilities = {column: [1 / 7] for column in PROBABILITY_COLUMNS}
    names = {"image_id": ["0" * 32], "patient_key": ["1" * 32], "subset": ["test"], "label": ["Pneumonia"]}
    pd.DataFrame({**names, **probabilities}).to_parquet(folder / "predictions.parquet")

    two, ten = dataset.load()
    assert (two.record["seed"], ten.record["seed"]) == (2, 10)
    assert two.finished
    assert two.record["best_val_loss"] == 0.25
    assert list(two.history["event"]) == ["", "stop:budget"]
    assert two.history["val_loss"].isna().tolist() == [True, False]
    assert list(two.predictions["label"]) == ["Pneumonia"]


def test_superseded_runs_are_not_among_them(dataset, tmp_path):
    dataset.save({"seed": 1, "status": "finished"})
    old = tmp_path / "mobilenet" / "dynamic" / "superseded" / "2026-01-01T00.00.00Z" / "seed_2"
    old.mkdir(parents=True)
    (old / "run_record.json").write_text(json.dumps({"seed": 2, "status": "finished"}))
    assert [run.record["seed"] for run in dataset.load()] == [1]


def test_a_failed_run_has_its_reason_and_no_tables(dataset):
    dataset.save({"seed": 1, "status": "failed", "failure": "ValueError: …"})
    (run,) = dataset.load()
    assert (run.finished, run.history, run.predictions) == (False, None, None)


def test_a_number_that_json_does_not_know_is_refused_and_the_old_record_stays(dataset):
    dataset.save({"seed": 1, "status": "finished"})
    with pytest.raises(DatasetError):
        dataset.save({"seed": 1, "status": "finished", "accuracy": float("nan")})
    assert dataset.load()[0].record == {"seed": 1, "status": "finished"}


def test_the_baselines_that_were_started_are_found_whoever_ran_them(tmp_path):
    baselines = BaselineRunsDataset(filepath=str(tmp_path))
    assert baselines.load() == {}
    assert not baselines.exists()
    for strategy in ("dynamic", "gradual"):
        cell = RunsDataset(filepath=str(tmp_path / "vgg16" / strategy))
        cell.save({"seed": 2, "status": "failed", "failure": "ValueError: …"})
    baselines.save({})
    assert baselines.exists()
    (name,) = baselines.load()
    assert name == "vgg16-gradual-runs", "dynamic is no baseline"
    assert [run.record["seed"] for run in baselines.load()[name]] == [2]


def test_the_runs_of_a_sweep_lie_each_in_its_folder_and_come_back_by_backbone(tmp_path):
    folder = tmp_path / "sensitivity"
    mobilenet, vgg = (SweepRunsDataset(filepath=str(folder), backbone=name) for name in ("mobilenet", "vgg16"))
    assert (mobilenet.load(), mobilenet.exists()) == ({}, False)
    for seed in (8, 7):
        mobilenet.save({"seed": seed, "status": "finished", "sensitivity": {"id": "mobilenet-p5-k3-decay0.1-n100"}})
    assert (folder / "mobilenet-p5-k3-decay0.1-n100" / "seed_7" / "run_record.json").is_file()
    (name,) = loaded = mobilenet.load()
    assert name == "mobilenet-p5-k3-decay0.1-n100"
    assert [run.record["seed"] for run in loaded[name]] == [7, 8]
    assert vgg.load() == {}


@pytest.mark.parametrize("name", ["seed_7_backup1", "seed_7 (copy)", "seed_7.old", "seed_"])
def test_a_backup_copy_of_a_run_is_not_a_run(dataset, tmp_path, name):
    for loss in (0.25, 0.5):
        dataset.save({"seed": 7, "status": "finished", "best_val_loss": loss})
        if loss == 0.25:
            (tmp_path / "mobilenet/dynamic/seed_7").rename(tmp_path / "mobilenet/dynamic" / name)
    (run,) = dataset.load()
    assert run.record["best_val_loss"] == 0.5
