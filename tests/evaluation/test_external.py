import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.external import by_grid_point, cost_of_shift, external_differences
from lung_cxr.evaluation.predictions import evaluate_seeds

SETTINGS = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def external(**frames):
    tables = [frame.drop(columns="subset").assign(run=run.replace("__", "/")) for run, frame in frames.items()]
    table = pd.concat(tables, ignore_index=True)
    return contracts.external_predictions.validate(table[["run", *table.columns.drop("run")]])


def test_further_folders_of_a_run_belong_to_the_backbone(predictions):
    table = external(tuned__vgg16__dynamic__seed_1=predictions, vgg16__dynamic__seed_2=predictions)
    assert {tuple(point): list(frames) for point, frames in by_grid_point(table).items()} == {
        ("tuned/vgg16", "dynamic"): ["tuned/vgg16/dynamic/seed_1"],
        ("vgg16", "dynamic"): ["vgg16/dynamic/seed_2"],
    }


def test_the_difference_is_external_minus_internal_with_an_interval_over_the_patients_of_both(make_predictions):
    good, bad = (make_predictions(images=300, patients=200, seed=1, skill=skill) for skill in (3.0, 0.5))
    found = external_differences([good, good], [bad, bad], **SETTINGS)
    expected = [evaluate_seeds([frame], **SETTINGS)["accuracy"] for frame in (good, bad)]
    assert found["accuracy_difference"] == pytest.approx(expected[1] - expected[0])
    assert found["accuracy_difference_low"] < found["accuracy_difference"] < found["accuracy_difference_high"] < 0
    few = external_differences([good], [bad.head(3)], **SETTINGS)
    assert few["macro_f1_difference_reason"].startswith("an interval needs 5 patients")


def test_the_cost_of_other_class_shares_and_of_other_images_sum_to_the_difference():
    internal, there = np.zeros((7, 7), int), np.zeros((7, 7), int)
    internal[0, :2], internal[1, :2] = [90, 10], [10, 10]  # recalls 0.9 and 0.5; accuracy 100 of 120
    there[0, :2], there[1, :2] = [20, 10], [40, 30]  # shares 0.3 and 0.7; accuracy 50 of 100
    cost = cost_of_shift(internal, there)
    assert cost["expected"] == pytest.approx(0.3 * 0.9 + 0.7 * 0.5)
    assert cost["of_class_shares"] == pytest.approx(0.62 - 100 / 120)
    assert cost["of_images"] == pytest.approx(0.5 - 0.62)
    there[2, 2] = 1
    assert "no image in the internal one" in cost_of_shift(internal, there)["expected_reason"]
