"""Parts of the test set: who belongs where, what is said of each, and of whom nothing is said."""

import math

import numpy as np
import pandas as pd
import pytest

from lung_cxr.evaluation.predictions import evaluate_predictions
from lung_cxr.evaluation.subgroups import SUPPRESSED, evaluate_subgroups, subgroups_of_images

SETTINGS = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def manifest(image_ids, **columns):
    defaults = {"sex": "F", "age_years": 50.0, "view": "PA", "export": 1, "exam_day": pd.Timestamp("2020-01-01")}
    defaults |= {"qc_reasons": ""}
    return pd.DataFrame({"image_id": image_ids, **(defaults | columns)})


BANDS = {0: "under 18", 17.9: "under 18", 18: "18–39", 79: "60–79", 80: "80 and over", np.nan: "unknown"}


@pytest.mark.parametrize(("age", "band"), BANDS.items())
def test_a_band_begins_with_its_lower_end(age, band):
    subgroups = subgroups_of_images(manifest(["a"], age_years=age), [18, 40, 60, 80], 3)
    assert subgroups.loc["a", "age"] == band


def test_exam_order_cuts_the_images_into_equal_parts_and_keeps_a_day_together():
    days = pd.to_datetime(["2020-01-01", "2020-01-02", "2021-01-01", "2021-01-01", "2022-01-01", "2023-01-01", None])
    subgroups = subgroups_of_images(manifest(list("abcdefg"), exam_day=days), [40], 3)
    assert subgroups["exam_order"].tolist() == ["1 of 3", "1 of 3", "2 of 3", "2 of 3", "3 of 3", "3 of 3", "unknown"]


def test_each_part_is_judged_as_if_it_were_the_test_set(predictions):
    women = predictions["image_id"].isin(predictions["image_id"].iloc[:120])
    images = manifest(predictions["image_id"], sex=np.where(women, "F", "M"))
    evaluated = evaluate_subgroups([predictions], subgroups_of_images(images, [40], 3), **SETTINGS)
    of_women = next(subgroup for subgroup in evaluated if (subgroup["variable"], subgroup["subgroup"]) == ("sex", "F"))
    alone = evaluate_predictions(predictions[women], **SETTINGS)
    for name in ("images", "patients", "accuracy", "accuracy_low", "macro_f1", "macro_f1_high"):
        assert of_women[name] == pytest.approx(alone[name])
    assert sum(subgroup["images"] for subgroup in evaluated if subgroup["variable"] == "sex") == len(predictions)


def test_of_fewer_than_five_patients_nothing_is_said(make_predictions):
    frame = make_predictions(images=60, patients=30, seed=0)
    few = frame["patient_key"].isin(frame["patient_key"].unique()[:4])
    images = manifest(frame["image_id"], view=np.where(few, "AP", "PA"))
    evaluated = evaluate_subgroups([frame], subgroups_of_images(images, [40], 3), **SETTINGS)
    suppressed = next(subgroup for subgroup in evaluated if subgroup["subgroup"] == "AP")
    assert all(math.isnan(suppressed[name]) for name in ("images", "patients", "accuracy", "macro_f1_low"))
    assert suppressed["accuracy_reason"] == suppressed["images_reason"] == SUPPRESSED


def test_a_subgroup_without_an_image_has_no_row(predictions):
    evaluated = evaluate_subgroups(
        [predictions], subgroups_of_images(manifest(predictions["image_id"]), [40], 3), **SETTINGS
    )
    assert [subgroup["subgroup"] for subgroup in evaluated if subgroup["variable"] in ("sex", "age", "view")] == [
        "F",
        "40 and over",
        "PA",
    ]


def test_images_with_redacted_text_are_a_subgroup():
    reasons = ["inverted;redacted", "redacted", "", "not_redacted"]
    subgroups = subgroups_of_images(manifest(["a", "b", "c", "d"], qc_reasons=reasons), [40], 1)
    assert subgroups["redacted"].tolist() == ["yes", "yes", "no", "no"]
