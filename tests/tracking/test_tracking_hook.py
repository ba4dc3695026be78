"""The hook does nothing without MLflow, and a fault of MLflow does not fail the command."""

import logging
from types import SimpleNamespace

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from lung_cxr import tracking_hook
from lung_cxr.tracking_hook import TrackingHook

REPORTING = Pipeline([Node(lambda: "page", None, "report", name="write")])
RUN = "mobilenet/dynamic/seed_7"
PARAMS = {"env": "demo", "pipeline_names": ["reporting"]}


def test_without_mlflow_nothing_is_read_or_logged(monkeypatch, caplog):
    monkeypatch.setattr(tracking_hook, "is_installed", lambda: False)
    TrackingHook().after_pipeline_run(PARAMS, REPORTING, DataCatalog())
    assert caplog.text == ""


def test_the_runs_that_the_report_reads_are_logged(monkeypatch, tmp_path):
    run = SimpleNamespace(finished=True, damage=None, folder=tmp_path / RUN, record={"seed": 7}, history=None)
    monkeypatch.setattr(tracking_hook, "is_installed", lambda: True)
    monkeypatch.setattr(tracking_hook, "_report", lambda _: None)
    monkeypatch.setattr("lung_cxr.training_hooks._with_seeds", lambda runs, _: runs)
    logged = []
    monkeypatch.setattr("lung_cxr.tracking.log_runs.log_runs", lambda runs, *_: logged.extend(runs) or len(runs))
    found = {"mobilenet-dynamic-runs": [run], "output_folder": tmp_path, "model_folder": tmp_path}
    catalogue = DataCatalog({name: MemoryDataset(value, copy_mode="assign") for name, value in found.items()})
    reads = Pipeline([Node(lambda _: "page", "mobilenet-dynamic-runs", "report", name="write")])
    TrackingHook().after_pipeline_run(PARAMS, reads, catalogue)
    assert [one.name for one in logged] == [RUN]


def test_a_fault_of_mlflow_is_a_warning_without_its_text(monkeypatch, caplog, tmp_path):
    def fail(*_):
        raise OSError("/srv/NGUYEN: disk full")

    monkeypatch.setattr(tracking_hook, "is_installed", lambda: True)
    monkeypatch.setattr(tracking_hook, "_report", lambda _: tmp_path / "report.html")
    monkeypatch.setattr("lung_cxr.tracking.log_runs.log_runs", fail)
    catalogue = DataCatalog({"model_folder": MemoryDataset(tmp_path / "06_models", copy_mode="assign")})
    with caplog.at_level(logging.WARNING):
        TrackingHook().after_pipeline_run(PARAMS, REPORTING, catalogue)
    assert "MLflow: nothing more is logged (OSError)" in caplog.text
    assert "NGUYEN" not in caplog.text
