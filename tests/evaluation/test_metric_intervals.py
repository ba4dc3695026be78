"""Each bootstrap draw of every metric against scikit-learn on the rows of the drawn patients."""

import time

import numpy as np
import pytest
from sklearn import metrics as reference

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.intervals import mean_over_resampled_seeds, patient_intervals
from lung_cxr.evaluation.metric_intervals import ENDS, metric_intervals, resampled_metrics
from lung_cxr.evaluation.metrics import METRICS, classification_metrics, label_indices
from lung_cxr.evaluation.predictions import evaluate_predictions, evaluate_seeds, frame_counts, probabilities

SETTINGS = {"n_resamples": 300, "confidence": 0.95, "seed": 3}


def drawn(predictions, n_resamples, seed):
    patients = predictions["patient_key"].to_numpy(dtype=str)
    keys, position = np.unique(patients, return_inverse=True)
    truth = label_indices(predictions["label"].tolist())
    chosen = np.random.default_rng(seed).integers(
        len(keys), size=(n_resamples, len(keys))
    )  # as `patient_weights` draws
    rows = [np.flatnonzero(patients == key) for key in keys]
    return resampled_metrics(position, truth, probabilities(predictions), n_resamples, seed), chosen, rows


@pytest.mark.parametrize("digits", [17, 1])  # of the probabilities: with one, most scores are tied
def test_each_draw_is_what_the_metrics_of_the_drawn_rows_are(predictions, digits):
    rounded = predictions.copy()
    rounded[list(PROBABILITY_COLUMNS)] = probabilities(predictions).round(digits)
    ours, chosen, rows = drawn(rounded, n_resamples=4, seed=7)
    for number, patients in enumerate(chosen):
        part = rounded.iloc[np.concatenate([rows[patient] for patient in patients])]
        truth, shares = label_indices(part["label"].tolist()), probabilities(part)
        if digits > 1:
            theirs = classification_metrics(part["label"].tolist(), shares)
            assert {name: ours[name][number] for name in METRICS} == pytest.approx(
                {name: theirs[name] for name in METRICS}, rel=1e-5, nan_ok=True
            )
        for index in range(len(DISEASES)):
            key, scores = PROBABILITY_COLUMNS[index].removeprefix("p_"), shares[:, index]
            auroc = reference.roc_auc_score(truth == index, scores)
            precision = reference.average_precision_score(truth == index, scores)
            assert ours[f"auroc_{key}"][number] == pytest.approx(auroc, rel=1e-5)
            assert ours[f"average_precision_{key}"][number] == pytest.approx(precision, rel=1e-5)


def test_accuracy_and_macro_f1_have_the_interval_of_the_paired_comparison(predictions):
    counts = frame_counts(predictions)
    plain, every = patient_intervals([counts], **SETTINGS), evaluate_predictions(predictions, **SETTINGS)
    assert {name: every[name] for name in plain} == pytest.approx(plain)


def test_every_metric_is_in_its_interval(predictions):
    numbers = evaluate_predictions(predictions, **SETTINGS)
    outside = [name for name in METRICS if not numbers[f"{name}_low"] <= numbers[name] <= numbers[f"{name}_high"]]
    assert outside in ([], ["ece"])  # few images look worse calibrated than many


def test_a_class_without_an_image_has_no_interval_for_the_reason_that_it_has_no_number(predictions):
    numbers = evaluate_predictions(predictions[predictions["label"] != "Atelectasis"], **SETTINGS)
    assert numbers["auroc_atelectasis_low_reason"] == numbers["auroc_atelectasis_reason"]
    assert np.isfinite(numbers["auroc_pneumonia_low"])


def test_the_interval_over_several_seeds_reaches_to_each_of_them(make_predictions):
    good, poor = (make_predictions(images=300, patients=200, seed=1, skill=skill) for skill in (4.0, 0.5))
    both, best, worst = (evaluate_seeds(frames, **SETTINGS) for frames in ([good, poor], [good], [poor]))
    assert worst["accuracy_high"] < both["accuracy"] < best["accuracy_low"]
    assert both["accuracy_low"] < worst["accuracy_high"], "one resample of four holds the poor seed twice"
    assert both["accuracy_high"] > best["accuracy_low"]


def test_seeds_are_drawn_with_replacement_and_of_one_seed_there_is_nothing_to_draw():
    zeros, ones = np.zeros(20_000), np.ones(20_000)
    values, counts = np.unique(mean_over_resampled_seeds([zeros, ones], seed=0), return_counts=True)
    assert values.tolist() == [0, 0.5, 1]
    assert counts / 20_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.01)
    assert (mean_over_resampled_seeds([ones], seed=0) == ones).all()


def test_one_patient_has_no_interval_and_says_why(make_predictions):
    frame = make_predictions(images=5, patients=1, seed=0)
    truth = label_indices(frame["label"].tolist())
    numbers = metric_intervals(frame["patient_key"].tolist(), truth, [probabilities(frame)], **SETTINGS)
    assert all(np.isnan(numbers[f"{metric}_{end}"]) for metric in METRICS for end in ENDS)
    assert "5 patients" in numbers["log_loss_low_reason"]


def test_ten_thousand_draws_of_every_metric_on_the_papers_test_set_take_seconds(make_predictions):
    frame = make_predictions(images=1542, patients=1400, seed=0)
    started = time.process_time()  # of the processor: others may use this machine too
    evaluate_predictions(frame, n_resamples=10_000, confidence=0.95, seed=0)
    assert time.process_time() - started < 2 * 60 / 14  # fourteen runs within a minute on two cores


def test_a_class_with_few_patients_has_numbers_but_no_interval():
    """Seven classes; one patient has the rare class, and every image is predicted correctly."""
    truth = np.array([0] * 30 + [1] * 12 + [6])
    wide = np.full((len(truth), 7), 0.02)
    wide[np.arange(len(truth)), truth] = 0.88
    patients = [f"{number:02d}" for number in range(len(truth))]
    numbers = metric_intervals(patients, truth, [wide], 200, 0.95, seed=0)
    for metric in ("recall", "precision", "f1", "auroc", "average_precision"):
        assert np.isnan(numbers[f"{metric}_atelectasis_low"])
        assert "1 count here" in numbers[f"{metric}_atelectasis_low_reason"]
    assert numbers["recall_covid_19_low"] == pytest.approx(0.025 ** (1 / 12))
    assert numbers["recall_covid_19_high"] == 1.0
    assert np.isnan(numbers["auroc_pneumonia_low"]), "all resamples are equal"
    assert numbers["accuracy_low"] < 1.0 == numbers["accuracy_high"]
