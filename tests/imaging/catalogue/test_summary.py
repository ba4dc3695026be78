import json

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.summary import in_words, summarise
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE


@pytest.fixture
def counted():
    rejected = pd.DataFrame({"export": [1, 1], "reason_code": ["not_one_of_seven", "missing_patient_id"]})
    images = pd.DataFrame({"export": [1, 1], "reason_code": ["blurred", "exact_duplicate"]})
    manifest = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "patient_key": ["p", "p", "q"],
            "label": ["Pneumonia", "Atelectasis", "Pneumonia"],
            "qc_status": ["accepted", "accepted", "rejected"],
            "qc_reasons": ["inverted;enlarged", "inverted", "blurred"],
        }
    )
    records = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "source_export": 1,
            "exam_day_reason": ["", "not_given", "not_understood"],
            "age_reason": "",
        }
    )
    return summarise(pd.DataFrame({"export": [1]}), records, rejected, manifest, images)


def test_faults_and_what_is_out_of_scope_are_counted_apart(counted):
    assert counted["faults"] == {"missing_patient_id": 1, "blurred": 1}
    assert counted["out_of_scope"] == {"not_one_of_seven": 1, "exact_duplicate": 1}
    assert counted["flags"] == {"inverted": 2, "enlarged": 1}
    assert counted["fault_fraction"] == 2 / 5
    assert (counted["accepted_images"], counted["accepted_patients"]) == (2, 1)
    assert counted["accepted_by_class"]["Pneumonia"] == 1
    assert "2 images of 1 patients accepted" in in_words(counted)[0]
    assert counted["exam_days_not_understood"] == 1
    assert [line[-3:] for line in in_words(counted) if "emr.date_format" in line] == [": 1"]


def test_no_reason_is_of_two_kinds():
    kinds = [*FAULTS, *OUT_OF_SCOPE, *FLAGS]
    assert len(kinds) == len(set(kinds))


def test_an_export_without_rows_has_no_fault_fraction_and_says_why():
    empty = pd.DataFrame(
        {
            name: []
            for name in (
                "image_id", "patient_key", "label", "qc_status", "qc_reasons", "reason_code", "export", "source_export",
                "exam_day_reason", "age_reason",
            )
        },
        dtype="str",
    )  # fmt: skip
    counted = summarise(pd.DataFrame(), empty, empty, empty, empty)
    assert json.loads(json.dumps(counted, allow_nan=False))["fault_fraction"] is None
    assert "no row" in counted["fault_fraction_reason"]


def test_each_export_is_counted_by_itself():
    records = pd.DataFrame(
        {"image_id": list("abcdefgh"), "source_export": [1] * 7 + [2], "exam_day_reason": "", "age_reason": ""}
    )
    rejected = pd.DataFrame({"export": [2, 1], "reason_code": ["missing_patient_id", "not_one_of_seven"]})
    manifest = pd.DataFrame(
        {name: [] for name in ("image_id", "patient_key", "label", "qc_status", "qc_reasons")}, dtype="str"
    )
    none = pd.DataFrame({"export": [], "reason_code": []})
    counted = summarise(pd.DataFrame({"export": [1, 2]}), records, rejected, manifest, none)
    assert counted["fault_fraction"] == 0.1
    assert counted["by_export"]["1"] == {"rows": 8, "faults": {}, "fault_fraction": 0.0}
    assert counted["by_export"]["2"] == {"rows": 2, "faults": {"missing_patient_id": 1}, "fault_fraction": 0.5}
    assert json.loads(json.dumps(counted)) == counted
