import pandas as pd
import pytest

from lung_cxr.imaging.quality.qc_rules import metric_flags, metric_reasons
from lung_cxr.imaging.reasons import FLAGS, IMAGE_FAULTS, OUT_OF_SCOPE

GOOD = {
    "sharpness": 10.0, "contrast": 240.0, "dark_fraction": 0.02, "bright_fraction": 0.01,
    "inversion": -2.0, "rotation": -2.0, "lateral": -2.0, "foreign": -2.0,
    "turned_foreign": -2.0,
}  # fmt: skip


def image(metrics, size=(1024, 900)):
    measured = {f"qc_{name}": [value] for name, value in metrics.items()}
    return pd.DataFrame({"rows": [size[0]], "columns": [size[1]], **measured})


def codes(found):
    return [code for code in found if found[code].item()]


@pytest.mark.parametrize(
    ("size", "metrics", "reason"),
    [
        ((500, 511), {}, "too_small"),
        ((1024, 300), {}, "extreme_aspect_ratio"),
        ((300, 1024), {}, "extreme_aspect_ratio"),
        ((1024, 1024), {"sharpness": 1.0}, "blurred"),
        ((1024, 1024), {"contrast": 20.0}, "nearly_blank"),
        ((1024, 1024), {"dark_fraction": 0.9}, "too_dark"),
        ((1024, 1024), {"bright_fraction": 0.6}, "too_bright"),
        ((1024, 1024), {"rotation": 9.0}, "rotated"),
        ((1024, 1024), {"foreign": 9.0}, "not_a_chest"),
        ((1024, 1024), {"rotation": 9.0, "foreign": 9.0}, "rotated"),
        ((1024, 1024), {"rotation": 9.0, "foreign": 9.0, "turned_foreign": 2.0}, "not_a_chest"),
        ((1024, 1024), {"sharpness": 1.0, "rotation": 9.0, "foreign": 9.0}, "blurred"),
    ],
)
def test_each_threshold_has_its_reason(thresholds, size, metrics, reason):
    assert codes(metric_reasons(image(GOOD), thresholds)) == []
    assert codes(metric_reasons(image({**GOOD, **metrics}, size), thresholds)) == [reason]
    assert reason in IMAGE_FAULTS | OUT_OF_SCOPE


def test_doubtful_images_are_flagged_and_not_rejected(thresholds):
    doubtful = {**GOOD, "foreign": thresholds.flag_non_chest + 0.1, "lateral": thresholds.flag_lateral + 0.1}
    assert codes(metric_reasons(image(doubtful), thresholds)) == []
    assert codes(metric_flags(image(doubtful), thresholds)) == ["looks_foreign", "looks_lateral"]
    assert codes(metric_flags(image(GOOD), thresholds)) == []
    assert {*metric_flags(image(doubtful), thresholds)} <= {*FLAGS}


def test_null_disables_a_threshold(thresholds):
    without_thresholds = thresholds.model_copy(update={"max_rotation": None, "max_non_chest": None})
    assert codes(metric_reasons(image({**GOOD, "rotation": 9.0, "foreign": 9.0}), without_thresholds)) == []
    unflagged = thresholds.model_copy(update={"flag_non_chest": None, "flag_lateral": None})
    assert codes(metric_flags(image({**GOOD, "foreign": 9.0, "lateral": 9.0}), unflagged)) == []


def test_nan_metrics_reject_nothing(thresholds):
    assert codes(metric_reasons(image(dict.fromkeys(GOOD, float("nan"))), thresholds)) == []
