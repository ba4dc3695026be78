"""Runs on a fold may have used any assigned patient; runs on an older split any patient of training."""

import json

import pandas as pd
import pytest

from lung_cxr.erasure.affected_runs import affected_runs, mark_affected_runs

PATIENT = "a" * 32


@pytest.mark.parametrize(
    ("subset", "marked"),
    [("train", ["dynamic/seed_1", "dynamic/fold_2/seed_1"]), ("test", ["dynamic/fold_2/seed_1"])],
)
def test_a_run_on_a_fold_is_marked_whatever_the_subset_of_the_patient(tmp_path, subset, marked):
    for run in ("dynamic/seed_1", "dynamic/fold_2/seed_1"):
        folder = tmp_path / "outputs/mobilenet" / run
        folder.mkdir(parents=True)
        (folder / "run_record.json").write_text(json.dumps({"split_sha256": "of another split"}))
    assignments = pd.DataFrame({"patient_key": [PATIENT], "subset": [subset]})
    mark_affected_runs(tmp_path / "models", tmp_path / "outputs", {PATIENT}, None, assignments)
    found = affected_runs(tmp_path / "outputs")
    assert sorted(run["run"] for run in found) == sorted(f"mobilenet/{run}" for run in marked)
    assert all(run["subsets"] == ["train"] and not run["certain"] for run in found)
