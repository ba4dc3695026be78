"""Audit lines and summaries around pipelines whose nodes do nothing."""

import json

import click
import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog

from lung_cxr.audit_hook import AuditHook
from lung_cxr.audit_log import AUDIT_LOG, read
from lung_cxr.imaging.catalogue.fault_check import TooManyFaultsError
from lung_cxr.pipelines import ingestion, training

RUN = {"run_id": "2026-02-02T00.00.00.000Z", "env": "test", "pipeline_names": ["ingestion", "splitting"]}
FACTS = {
    "headline": "Export 2 added 1 image of 1 patient.", "new_exports": [2], "files": {"new": 1, "unchanged": 2},
    "reasons": [{"reason": "blurred", "kind": "fault", "count": 3}], "label_review": {"codes_disagree": 2},
    "changed_settings": {"ingestion.reread": [0, 1]},
}  # fmt: skip
NOTHING = FACTS | {"headline": "No new export.", "new_exports": [], "files": {"unchanged": 3}}


@pytest.fixture
def catalogue(tmp_path):
    optional = {"type": "lung_cxr.datasets.OptionalDataset"}
    parquet = {"type": "lung_cxr.datasets.AtomicParquetDataset"}
    catalogue = DataCatalog.from_config(
        {
            "intermediate_folder": {"type": "lung_cxr.datasets.FolderDataset", "filepath": str(tmp_path / "02")},
            "previous_image_manifest": {**optional, "dataset": {**parquet, "filepath": str(tmp_path / "manifest")}},
            "previous_known_exports": {**optional, "dataset": {**parquet, "filepath": str(tmp_path / "known")}},
            "refresh_report": {"type": "json.JSONDataset", "filepath": f"{tmp_path}/report.json", "versioned": True},
            "refresh_summary": {"type": "lung_cxr.datasets.AtomicJSONDataset", "filepath": f"{tmp_path}/summary.json"},
            "refresh_summary_text": {"type": "lung_cxr.datasets.AtomicTextDataset", "filepath": f"{tmp_path}/sum.txt"},
        },
        save_version=RUN["run_id"],
    )
    catalogue["parameters"] = {"ingestion": {"max_fault_fraction": 0.05}}
    return catalogue


def write_catalogue(folder, images):
    label = ["Pneumonia"] * images
    table = pd.DataFrame({"qc_status": "accepted", "patient_key": [str(n) for n in range(images)], "label": label})
    table.to_parquet(folder / "manifest")
    pd.DataFrame({"export": [1, 2]}).to_parquet(folder / "known")


def run(catalogue, folder, *, images=(2, 3), facts=FACTS, error=None):
    """A refresh that leaves another number of images; return its summary and its lines in the log."""
    hook, pipeline = AuditHook(), ingestion.create_pipeline()
    write_catalogue(folder, images[0])
    hook.before_pipeline_run(RUN, pipeline, catalogue)
    write_catalogue(folder, images[1])
    if facts:
        catalogue.save("refresh_report", facts)
    if error is None:
        hook.after_pipeline_run(pipeline, catalogue)
    else:
        hook.on_pipeline_error(error, pipeline, catalogue)
    return json.loads((folder / "summary.json").read_text()), list(read(folder / "02" / AUDIT_LOG))


def test_a_refresh_logs_start_and_end_with_counts_and_leaves_its_summary(catalogue, tmp_path):
    summary, (start, end) = run(catalogue, tmp_path)
    assert start["command"] == "kedro run --env test --pipelines ingestion,splitting"
    assert start["parameters"] == {"ingestion.max_fault_fraction": 0.05}
    assert (start["counts"]["images"], end["counts"]["images"], end["exit_code"]) == (2, 3, 0)
    assert (summary["outcome"], summary["exit_code"], summary["faults"]) == ("good", 0, {"blurred": 3})
    text = (tmp_path / "sum.txt").read_text()
    assert text.endswith(
        "UTC: good (exit code 0). Export 2 added 1 image of 1 patient. Settings changed since the last report: "
        "ingestion.reread 0 → 1. Catalogue before and after: 2 and 3 images. Faults in all exports: "
        "blurred 3. 2 labels for review.\n"
    )


def test_nothing_new_is_good_and_says_so(catalogue, tmp_path):
    summary, _ = run(catalogue, tmp_path, images=(3, 3), facts=NOTHING)
    assert (summary["outcome"], summary["exit_code"]) == ("nothing new", 0)


def test_a_refresh_with_too_many_faults_has_a_summary_with_its_exit_code(catalogue, tmp_path):
    summary, (_, end) = run(catalogue, tmp_path, error=TooManyFaultsError("Too many faults. export 2: 3 of 4"))
    assert (summary["outcome"], summary["exit_code"], end["exit_code"]) == ("too many faults", 3, 3)
    assert summary["error"] == "Too many faults. export 2: 3 of 4"


def test_an_unexpected_error_is_not_quoted(catalogue, tmp_path):
    summary, _ = run(catalogue, tmp_path, facts=None, error=KeyError("Nguyễn Văn A"))
    assert (summary["error"], summary["exit_code"]) == ("KeyError", 1)


def test_an_interrupted_command_is_logged(catalogue, tmp_path):
    @click.command
    def refresh():
        AuditHook().before_pipeline_run(RUN, ingestion.create_pipeline(), catalogue)
        raise KeyboardInterrupt

    CliRunner().invoke(refresh)
    assert [entry["event"] for entry in read(tmp_path / "02" / AUDIT_LOG)] == ["start", "interrupted"]


def test_a_training_is_not_logged(catalogue, tmp_path):
    hook = AuditHook()
    hook.before_pipeline_run(RUN, training.create_pipeline(), catalogue)
    hook.after_pipeline_run(training.create_pipeline(), catalogue)
    assert not (tmp_path / "02").exists()
