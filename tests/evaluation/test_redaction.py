import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.redaction import redaction_by_class
from lung_cxr.parameters import DriftParameters

DRIFT = DriftParameters(min_distance=0.1, significance=0.05, min_patients=5, max_patients=2000, n_resamples=200, seed=0)


def images(redacted_of: dict[int, int], of: int = 50) -> pd.DataFrame:
    rows = [
        (f"{index}-{number}", DISEASES[index], "inverted;redacted" if number < redacted else "inverted")
        for index, redacted in redacted_of.items()
        for number in range(of)
    ]
    return pd.DataFrame(rows, columns=["patient_key", "label", "qc_reasons"])


def test_boxes_of_one_class_are_counted_and_found():
    found = redaction_by_class(images({0: 3, 4: 20}), DRIFT)
    assert found["classes"]["Pneumothorax"] == {"images": 50, "redacted": 20}
    assert found["classes"]["Atelectasis"] == {"images": 0, "redacted": 0}
    assert found["test"]["drifted"] is True
    assert found["test"]["p"] < 0.05


def test_boxes_of_all_classes_alike_are_no_cue_and_no_box_is_no_test():
    assert redaction_by_class(images({0: 10, 4: 10}), DRIFT)["test"]["drifted"] is False
    none = redaction_by_class(images({0: 0, 4: 0}), DRIFT)
    assert none["test"]["drifted"] is None
    assert "images with a box has 0 patients" in none["test"]["p_reason"]
