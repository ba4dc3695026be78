"""Finished runs in MLflow: each once, complete, under the command's run, and without a path or a key."""

import json
from pathlib import Path

import pandas as pd
import pytest

from lung_cxr.experiments import Run
from lung_cxr.prediction.trained_run import find_run
from lung_cxr.tracking import store
from lung_cxr.tracking.log_runs import TrackedRun, log_runs
from lung_cxr.tracking.store import NoTrackingError, open_store, run_of_model
from made_up_runs import made_up_run, made_up_split

SECRET_PATH = "/srv/NGUYEN VAN BI MAT/vgg16.weights.h5"
NAMES = ("mobilenet/dynamic/seed_7", "mobilenet/traditional/seed_7")


def finish(data: Path, name: str) -> TrackedRun:
    """A finished run with its files; its weights were a file in a patient's folder."""
    backbone, strategy, _ = name.split("/")
    one = made_up_run(Run(backbone, strategy), made_up_split(images=60), seed=7, skill=1.0)
    record = {**one.record, "model_sha256": f"{len(strategy):a>64}", "metrics": {"test": {"accuracy": 0.5, "f1": None}}}
    record["parameters"]["backbone"]["weights"] = SECRET_PATH
    models, outputs = data / "06_models" / name, data / "07_model_output" / name
    for folder in (models, outputs):
        folder.mkdir(parents=True)
    (models / "model.keras").write_bytes(b"network")
    (models / "model_card.md").write_text("# Card")
    (outputs / "run_record.json").write_text(json.dumps(record))
    one.history.to_csv(outputs / "history.csv", index=False)
    one.predictions.to_parquet(outputs / "predictions.parquet")
    return TrackedRun(name, record, one.history, models, outputs)


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Data folder and client after two commands: the second logs one run again, and a report."""
    pytest.importorskip("mlflow", reason="the extra `tracking` is not installed")
    data = tmp_path_factory.mktemp("data")
    first, second = (finish(data, name) for name in NAMES)
    report = data / "report.html"
    report.write_text("<title>Report</title>")
    assert log_runs([first], "kedro run --pipelines training", data) == 1
    assert log_runs([first, second], "kedro run", data, report) == 1
    assert log_runs([first, second], "kedro run", data) == 0
    return data, open_store(data)


def runs_of(client) -> dict:
    experiment = client.get_experiment_by_name("lung_cxr").experiment_id
    return {run.info.run_name: run for run in client.search_runs([experiment])}


def test_each_run_appears_once_below_the_command_that_finished_it(logged):
    _, client = logged
    runs = runs_of(client)
    assert sorted(runs) == ["kedro run", "kedro run --pipelines training", *NAMES]
    parents = [runs[name].data.tags["mlflow.parentRunId"] for name in NAMES]
    assert parents == [runs["kedro run --pipelines training"].info.run_id, runs["kedro run"].info.run_id]
    assert [file.path for file in client.list_artifacts(parents[1])] == ["report.html"]
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_run_has_the_numbers_and_files_of_its_record(logged):
    data, client = logged
    run = runs_of(client)[NAMES[0]]
    history = pd.read_csv(data / "07_model_output" / NAMES[0] / "history.csv")
    curve = client.get_metric_history(run.info.run_id, "epoch_val_loss")
    assert [point.step for point in curve] == history["epoch"].tolist()
    assert [point.value for point in curve] == pytest.approx(history["val_loss"].tolist())
    assert run.data.metrics["test_accuracy"] == 0.5
    assert "test_f1" not in run.data.metrics
    assert run.data.params["training.learning_rate"] == "0.0001"
    assert run.data.params["seed"] == "7"
    files = [file.path for file in client.list_artifacts(run.info.run_id)]
    assert sorted(files) == ["history.csv", "model", "model_card.md", "run_record.json"]
    took = run.info.end_time - run.info.start_time
    assert took == pytest.approx(431_500, abs=1)


def test_no_path_and_no_key_is_logged(logged):
    data, client = logged
    assert runs_of(client)[NAMES[0]].data.params["backbone.weights"] == "(not recorded)"
    keys = pd.read_parquet(data / "07_model_output" / NAMES[0] / "predictions.parquet")["patient_key"]
    kept = [path for path in (data / "mlflow_artifacts").rglob("*") if path.is_file()] + [data / "mlflow.db"]
    assert len(kept) > 5
    for path in kept:
        content = path.read_bytes()
        assert b"NGUYEN" not in content
        assert not any(key.encode() in content for key in keys.unique())


def test_a_run_whose_logging_was_killed_is_logged_again_and_once(logged, tmp_path, monkeypatch):
    run = finish(tmp_path, NAMES[0])
    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.tracking.log_runs._log_files", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            log_runs([run], "kedro run", tmp_path)
    assert log_runs([run], "kedro run", tmp_path) == 1
    client = open_store(tmp_path)
    names = [one.info.run_name for one in client.search_runs([client.get_experiment_by_name("lung_cxr").experiment_id])]
    assert names.count(NAMES[0]) == 1
    assert len(client.search_model_versions("name = 'lung_cxr'")) == 1


def test_the_champion_of_the_registry_names_the_run_that_predicts(logged):
    data, client = logged
    (version,) = [one for one in client.search_model_versions("name = 'lung_cxr'") if one.description == NAMES[1]]
    client.set_registered_model_alias("lung_cxr", "champion", version.version)
    assert run_of_model("models:/lung_cxr@champion", data) == NAMES[1]
    with pytest.raises(NoTrackingError, match="no registered model has this alias"):
        run_of_model("models:/lung_cxr@challenger", data)


def test_without_mlflow_an_alias_is_an_error_that_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "is_installed", lambda: False)
    with pytest.raises(NoTrackingError, match=r"MLflow is not installed; expected the extra `tracking`"):
        find_run("models:/lung_cxr@champion", tmp_path / "06_models", tmp_path / "07_model_output")
