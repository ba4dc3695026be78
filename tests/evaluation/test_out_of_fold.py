"""Pooled predictions of a cross-validation: complete folds only, and tests that know of overlapping training sets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lung_cxr.datasets import RunResult
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.out_of_fold import RESULT_COLUMNS, TEST_COLUMNS, CrossValidation, pool_folds

FOLDS = CrossValidation(
    splits={fold: f"split {fold}" for fold in (1, 2, 3)},
    rotated_subset="test",
    test_to_train=0.5,
    class_shares=dict.fromkeys((1, 2, 3), np.full(7, 1 / 7)),
)
BOOTSTRAP = {"n_resamples": 100, "confidence": 0.95, "seed": 1}


def run(fold, seed, correct, split=None, **record):
    """Return a run on twenty held-out images of one fold, of which so many are classified correctly."""
    keys = [f"{100 * fold + number:032x}" for number in range(20)]
    labels = np.arange(20) % 7
    predicted = np.where(np.arange(20) < correct, labels, (labels + 1) % 7)
    table = pd.DataFrame(np.full((20, 7), 0.05) + 0.65 * np.eye(7)[predicted], columns=list(PROBABILITY_COLUMNS))
    names = {"image_id": keys, "patient_key": keys, "label": [DISEASES[label] for label in labels]}
    made = RunResult(Path(), {"seed": seed, "status": "finished", "split_sha256": split or f"split {fold}", **record})
    table = table.assign(**names)
    made.__dict__["predictions"] = pd.concat([table.assign(subset=subset) for subset in ("test", "validation")])
    return made


def grid_point(correct, seeds=(7,), **record):
    return {fold: [run(fold, seed, n, **record) for seed in seeds] for fold, n in zip((1, 2, 3), correct, strict=True)}


def test_held_out_predictions_of_all_folds_are_pooled():
    runs = {("mobilenet", "dynamic"): grid_point((20, 16, 12), seeds=(7, 8))}
    results, tests = pool_folds(runs, FOLDS, BOOTSTRAP)
    assert (tuple(results), tuple(tests), len(tests)) == (RESULT_COLUMNS, TEST_COLUMNS, 0)
    (row,) = results.to_dict("records")
    assert (row["images"], row["patients"], row["seeds"], row["folds"]) == (60, 60, 2, 3)
    assert row["accuracy"] == pytest.approx(48 / 60)
    assert row["accuracy_fold_sd"] == pytest.approx(np.std([1.0, 0.8, 0.6], ddof=1))
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    assert row["status"] == "finished"
    assert row["tau"] == 0, "with equal class shares no adjustment changes a prediction"
    assert row["accuracy_adjusted"] == pytest.approx(row["accuracy"])
    inner, _ = pool_folds(runs, replace(FOLDS, rotated_subset="validation"), BOOTSTRAP)
    assert inner["tau"].isna().all(), "the held-out images would choose tau"


@pytest.mark.parametrize(
    ("runs", "note"),
    [
        ({1: [run(1, 7, 20)], 2: [run(2, 7, 20)]}, "2 of 3 folds"),
        ({**grid_point((1, 2, 3)), 3: [run(3, 7, 20, split="an older split")]}, "2 of 3 folds"),
        ({**grid_point((1, 2, 3)), 3: [run(3, 7, 20, parameters={"dropout": 0.5})]}, "different settings"),
        ({1: [RunResult(Path(), {"seed": 7, "status": "failed", "failure": "…"})]}, "0 of 3 folds"),
    ],
)
def test_incomplete_folds_are_a_row_with_the_reason(runs, note):
    results, tests = pool_folds({("vgg16", "full"): runs}, FOLDS, BOOTSTRAP)
    (row,) = results.to_dict("records")
    assert row["status"] == "incomplete"
    assert note in row["note"]
    assert np.isnan(row["accuracy"])
    assert tests.empty


def test_a_damaged_file_of_predictions_is_an_unfinished_fold(tmp_path):
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 cut off")
    damaged = RunResult(tmp_path, {"seed": 7, "status": "finished", "split_sha256": "split 3"})
    runs = {**grid_point((20, 20, 20)), 3: [damaged]}
    results, _ = pool_folds({("vgg16", "full"): runs}, FOLDS, BOOTSTRAP)
    assert "2 of 3 folds" in results["note"][0]


def test_dynamic_is_compared_with_every_other_strategy_of_its_backbone():
    runs = {
        ("mobilenet", "dynamic"): grid_point((20, 17, 15)),
        ("mobilenet", "traditional"): grid_point((16, 16, 12)),
        ("mobilenet", "logistic_regression"): grid_point((10, 9, 8)),
        ("vgg16", "traditional"): grid_point((20, 20, 20)),
    }
    _, tests = pool_folds(runs, FOLDS, BOOTSTRAP)
    assert len(tests) == 2 * 3
    row = tests[(tests["other_strategy"] == "traditional") & (tests["metric"] == "accuracy")].iloc[0]
    assert row["mean"] == pytest.approx(np.mean([0.2, 0.05, 0.15]))
    assert (tests["p_holm"] >= tests["p"]).all()
    assert (tests["p_holm"] > tests["p"]).any()


def test_equal_differences_have_no_test_but_a_reason():
    runs = {
        ("mobilenet", "dynamic"): grid_point((18, 18, 18)),
        ("mobilenet", "traditional"): grid_point((16, 16, 16)),
    }
    _, tests = pool_folds(runs, FOLDS, BOOTSTRAP)
    row = tests[tests["metric"] == "accuracy"].iloc[0]
    assert np.isnan(row["p"])
    assert row["mean"] == pytest.approx(0.1)
    assert row["note"]
