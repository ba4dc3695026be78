"""The hook does nothing without MLflow, and a fault of MLflow does not fail the command."""

import logging

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from lung_cxr import tracking_hook
from lung_cxr.tracking_hook import TrackingHook

REPORTING = Pipeline([Node(lambda: "page", None, "report", name="write")])
PARAMS = {"env": "demo", "pipeline_names": ["reporting"]}


def test_without_mlflow_nothing_is_read_or_logged(monkeypatch, caplog):
    monkeypatch.setattr(tracking_hook, "is_installed", lambda: False)
    TrackingHook().after_pipeline_run(PARAMS, REPORTING, DataCatalog())
    assert caplog.text == ""


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
