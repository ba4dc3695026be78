"""Evidence for the paper's claims: verdicts follow from intervals, and every experiment is an arm of its own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lung_cxr.datasets import CrossValidationRunsDataset, RunResult
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.out_of_fold import CrossValidation
from lung_cxr.report.evidence import loss_jumps, write_evidence
from lung_cxr.report.evidence_claims import verdict

SHARES = dict.fromkeys((1, 2, 3), np.full(7, 1 / 7))
FOLDS = CrossValidation(splits={1: "a", 2: "b", 3: "c"}, rotated_subset="test", test_to_train=0.5, class_shares=SHARES)
BOOTSTRAP = {"n_resamples": 100, "confidence": 0.95, "seed": 1}
HISTORY = pd.DataFrame(
    {"train_loss": [1.5, 0.8, 2.5, 0.5, 0.6], "event": ["", "unfreeze", "", "unfreeze", "stop:plateau"]}
)


def run(fold, correct, seconds):
    """Return a run on fifty held-out images of one fold, of which so many are classified correctly."""
    keys, labels = [f"{1000 * fold + number:032x}" for number in range(50)], np.arange(50) % 7
    predicted = np.where(np.arange(50) < correct, labels, (labels + 1) % 7)
    record = {"seed": 7, "status": "finished", "split_sha256": FOLDS.splits[fold], "seconds": seconds}
    made = RunResult(Path(), {**record, "best_val_loss": 0.9, "best_epoch": 2, "epochs": 5, "stop_reason": "plateau"})
    frame = pd.DataFrame(np.full((50, 7), 0.05) + 0.65 * np.eye(7)[predicted], columns=list(PROBABILITY_COLUMNS))
    names = {"image_id": keys, "patient_key": keys, "label": [DISEASES[label] for label in labels], "subset": "test"}
    made.__dict__.update(predictions=frame.assign(**names), history=HISTORY)
    return made


def arm(correct, seconds=60.0):
    return {fold: [run(fold, right, seconds)] for fold, right in zip(FOLDS.splits, correct, strict=True)}


@pytest.mark.parametrize(
    ("low", "high", "expected"), [(0.01, 0.1, "holds"), (-0.1, -0.01, "does not hold"), (-0.01, 0.1, "cannot tell")]
)
def test_the_interval_decides_the_verdict(low, high, expected):
    assert verdict(low, high) == expected


def test_a_jump_is_the_change_of_the_training_loss_at_an_unfreezing():
    assert loss_jumps(HISTORY) == pytest.approx([1.7, 0.1])


def lines(page, *words):
    return [line for line in page.splitlines() if line.startswith("|") and all(word in line for word in words)]


def test_claims_are_judged_for_each_experiment():
    better, equal = arm((45, 44, 46), seconds=120.0), arm((30, 31, 30))
    page = write_evidence(
        {
            "": {("mobilenet", "dynamic"): better, ("mobilenet", "traditional"): equal},
            "tuned": {("mobilenet", "dynamic"): equal, ("mobilenet", "traditional"): arm((29, 33, 30))},
        },
        FOLDS,
        BOOTSTRAP,
    )
    paper, tuned = lines(page, "higher accuracy than traditional")
    assert "| environment | **holds** | +29.3 [" in paper
    assert "| tuned | **cannot tell** | −0.7 [" in tuned
    (pooled,) = lines(page, "traditional fine-tuning, environment | 60.7 [")
    assert "| 150 (150) | 1 | 5 | 0.02 |" in pooled
    (slower,) = lines(page, "| MobileNet, dynamic fine-tuning, environment | 90.0")
    assert "| 5 | 0.03 |" in slower
    (settings,) = lines(page, "| MobileNet, dynamic fine-tuning, tuned | MobileNet, dynamic fine-tuning, environment |")
    assert "−29.3 [" in settings
    assert len(lines(page, "+1.70, +0.10", "5 (plateau)")) == 6
    majority, *_ = lines(page, "| Majority class |")
    assert "| 16.0 [" in majority, "8 of the 50 images of each fold are of the largest class"
    assert len(lines(page, "| Majority class | +")) == 4, "each arm is compared with it"


def test_an_arm_is_compared_with_the_logistic_regression_of_its_own_settings():
    model = ("mobilenet", "logistic_regression")
    page = write_evidence(
        {
            "": {("mobilenet", "dynamic"): arm((45, 44, 46))},
            "large": {model: arm((30, 31, 30))},
            "tuned": {("mobilenet", "traditional"): arm((40, 41, 40)), model: arm((35, 33, 35))},
        },
        FOLDS,
        BOOTSTRAP,
    )
    assert lines(page, "| MobileNet, traditional fine-tuning, tuned | MobileNet, logistic regression, tuned | +12.0 [")
    assert not lines(page, "| MobileNet, traditional fine-tuning, tuned | MobileNet, logistic regression, large |")
    assert lines(page, "dynamic fine-tuning, environment | MobileNet, logistic regression, large | +29.3 [")


def test_an_arm_is_compared_with_the_reference_model_and_with_its_other_settings():
    page = write_evidence(
        {
            "": {("mobilenet", "traditional"): arm((30, 31, 30))},
            "large": {("mobilenet", "logistic_regression_depths"): arm((45, 44, 46))},
            "small": {("mobilenet", "traditional"): arm((40, 41, 40))},
            "tuned": {("mobilenet", "traditional"): arm((35, 33, 35))},
        },
        FOLDS,
        BOOTSTRAP,
    )
    tuned = "| MobileNet, traditional fine-tuning, tuned | MobileNet, "
    assert lines(page, f"{tuned}logistic regression depths, large | −21.3 [")
    assert lines(page, f"{tuned}traditional fine-tuning, small | −12.0 [")
    assert lines(page, f"{tuned}traditional fine-tuning, environment | +8.0 [")


def test_an_arm_with_missing_folds_is_no_evidence():
    incomplete = {1: arm((45, 44, 46))[1]}
    page = write_evidence({"": {("mobilenet", "dynamic"): incomplete}}, FOLDS, BOOTSTRAP)
    assert "No pair of strategies has finished" in page
    assert lines(page, "1 of 3 folds are finished")


def test_experiments_are_found_in_their_subfolders(tmp_path):
    for place in ("mobilenet/dynamic", "tuned/mobilenet/dynamic"):
        folder = tmp_path / place / "fold_1/seed_7"
        folder.mkdir(parents=True)
        (folder / "run_record.json").write_text('{"seed": 7, "status": "failed", "failure": "…"}')
    loaded = CrossValidationRunsDataset(filepath=str(tmp_path)).load()
    assert {name: list(grid) for name, grid in loaded.items()} == {
        "": ["mobilenet-dynamic-folds"],
        "tuned": ["mobilenet-dynamic-folds"],
    }
