import json

import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.fault_check import check_faults, fail_on_faults, require_passed
from lung_cxr.imaging.catalogue.summary import IngestionError

COUNTED = {
    "1": {"rows": 90, "faults": {"blurred": 1}, "fault_fraction": 1 / 90},
    "2": {"rows": 5, "faults": {"missing_file": 1, "blurred": 1}, "fault_fraction": 0.4},
}


@pytest.fixture
def manifest():
    return pd.DataFrame(
        {
            "image_id": ["a", "b"],
            "pixel_sha256": ["1", "2"],
            "label": ["Pneumonia", "Tuberculosis"],
            "export": [1, 2],
            "qc_status": ["accepted", "rejected"],
        }
    )


def test_few_enough_faults_pass(manifest):
    check = check_faults(COUNTED, manifest, 0.4)
    fail_on_faults(check)
    require_passed(json.loads(json.dumps(check)), manifest)


def test_no_rows_are_no_faults(manifest):
    require_passed(check_faults({}, manifest[:0], 0.0), manifest[:0])


@pytest.mark.parametrize("refuse", [lambda check, _: fail_on_faults(check), require_passed])
def test_a_broken_export_does_not_hide_behind_a_good_one(manifest, refuse):
    check = json.loads(json.dumps(check_faults(COUNTED, manifest, 0.39)))
    with pytest.raises(
        IngestionError, match=r"export 2: 2 of 5 rows are faulty \(40.0%, allowed 39.0%\): missing_file 1"
    ):
        refuse(check, manifest)


def test_a_check_of_another_manifest_does_not_count(manifest):
    check = check_faults(COUNTED, manifest, 0.4)
    require_passed(check, manifest.iloc[::-1].assign(image_id=["new", "names"]))
    with pytest.raises(IngestionError, match="different runs"):
        require_passed(check, manifest.assign(qc_status="accepted"))
