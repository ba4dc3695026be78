"""Temperature, prediction sets and abstention: against scikit-learn, by hand, and on data made to have the answer."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from lung_cxr.evaluation.abstention import abstain, accuracy_coverage, thinned_curve, threshold_for
from lung_cxr.evaluation.conformal import describe_sets, probability_threshold
from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.temperature import describe_calibration, fit_temperature

BOOTSTRAP = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def calibrated(images, seed):
    """Labels drawn from the probabilities themselves: nothing to mend."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, size=(images, 7))
    truth = (softmax(logits, axis=1).cumsum(axis=1) > generator.random((images, 1))).argmax(axis=1)
    return truth, logits


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_made_a_run_too_sure_is_found_again(temperature):
    truth, logits = calibrated(20_000, seed=0)
    assert fit_temperature(truth, softmax(logits / temperature, axis=1)) == pytest.approx(1 / temperature, rel=0.05)


def test_scaling_is_dividing_the_logits_and_keeps_the_class():
    _, logits = calibrated(50, seed=1)
    probabilities = softmax(logits, axis=1)
    assert scaled(probabilities, 2.5) == pytest.approx(softmax(logits / 2.5, axis=1), abs=1e-6)
    assert (scaled(probabilities, 2.5).argmax(axis=1) == probabilities.argmax(axis=1)).all()


def test_a_probability_of_zero_stays_finite():
    assert np.isfinite(scaled(np.eye(7), 0.5)).all()


def test_scaling_mends_what_it_was_fitted_for():
    truth, logits = calibrated(20_000, seed=2)
    too_sure = softmax(3 * logits, axis=1)
    before = describe_calibration(truth, too_sure)
    after = describe_calibration(truth, scaled(too_sure, fit_temperature(truth, too_sure)))
    assert before["ece"] > 0.15
    assert after["ece"] < 0.015
    assert after["log_loss"] == pytest.approx(log_loss(truth, softmax(logits, axis=1)), rel=1e-3)


def test_the_reliability_diagram_is_that_of_scikit_learn():
    truth, logits = calibrated(3000, seed=3)
    probabilities = softmax(logits, axis=1)
    hit, confidence = probabilities.argmax(axis=1) == truth, probabilities.max(axis=1)
    accuracy, mean_confidence = calibration_curve(hit, confidence, n_bins=15)
    ours = pd.DataFrame(describe_calibration(truth, probabilities)["reliability"])
    assert ours["accuracy"].tolist() == pytest.approx(accuracy)
    assert ours["confidence"].tolist() == pytest.approx(mean_confidence)
    assert ours["images"].sum() == 3000


def test_the_threshold_is_the_quantile_of_split_conformal_prediction():
    """Nine images at 0.8: the ⌈10 · 0.8⌉ = 8th largest probability of the truth."""
    probabilities = np.full((9, 7), 0.0)
    probabilities[:, 0] = np.arange(1, 10) / 10
    truth = np.zeros(9, dtype=int)
    assert probability_threshold(truth, probabilities, 0.8) == pytest.approx(0.2)
    assert probability_threshold(truth, probabilities, 0.9) == pytest.approx(0.1)
    assert probability_threshold(truth, probabilities, 0.95) == 0, "too few images: every class is in every set"


def test_sets_hold_the_truth_as_often_as_asked():
    """Over 200 splits: coverage on new images averages between the wanted and the wanted + 1 / (n + 1)."""
    covered = []
    for seed in range(200):
        (fit_truth, fit), (truth, logits) = calibrated(99, seed), calibrated(99, 1000 + seed)
        threshold = probability_threshold(fit_truth, softmax(fit, axis=1), 0.9)
        covered.append((softmax(logits, axis=1)[np.arange(99), truth] >= threshold).mean())
    assert np.mean(covered) == pytest.approx(0.905, abs=0.008)


def test_coverage_and_size_of_sets_by_hand():
    probabilities = np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.45, 0.55]])
    probabilities = np.hstack([probabilities, np.zeros((4, 5))])
    numbers = describe_sets(np.array([0, 0, 1, 0]), probabilities, 0.5, np.array(list("abcd")), **BOOTSTRAP)
    assert (numbers["coverage"], numbers["set_size"], numbers["empty"]) == (0.75, 1, 0)
    assert numbers["coverage_pneumonia"] == pytest.approx(2 / 3)
    assert numbers["coverage_covid_19"] == 1
    assert "no Atelectasis" in numbers["coverage_atelectasis_reason"]
    assert np.isnan(numbers["coverage_low"]), "no interval below five patients"


def in_two_classes(confidences, right):
    probabilities = np.zeros((len(confidences), 7))
    probabilities[:, 0], probabilities[:, 1] = confidences, 1 - np.array(confidences)
    return np.where(right, 0, 1), probabilities


def test_accuracy_at_each_coverage_by_hand_with_equal_confidences_answered_together():
    truth, probabilities = in_two_classes([0.9, 0.8, 0.8, 0.6], [True, True, False, True])
    thresholds, coverage, accuracies = accuracy_coverage(truth, probabilities)
    assert thresholds.tolist() == [0.9, 0.8, 0.6]
    assert coverage.tolist() == [0.25, 0.75, 1]
    assert accuracies == pytest.approx([1, 2 / 3, 3 / 4])


def test_the_largest_coverage_that_reaches_the_target_is_taken():
    truth, probabilities = in_two_classes([0.9, 0.8, 0.7, 0.6], [False, True, True, True])
    assert threshold_for(0.7, truth, probabilities) == pytest.approx(0.6)
    assert threshold_for(0.8, truth, probabilities) is None


def test_abstention_by_hand_and_where_there_is_none():
    truth, probabilities = in_two_classes([0.9, 0.8, 0.7, 0.6], [True, True, False, True])
    patients = np.array(list("abcd"))
    numbers = abstain(0.75, truth, probabilities, patients, **BOOTSTRAP)
    assert (numbers["abstained"], numbers["accuracy"]) == (0.5, 1)
    nothing = abstain(0.95, truth, probabilities, patients, **BOOTSTRAP)
    assert nothing["abstained"] == 1
    assert "no image is answered" in nothing["accuracy_reason"]
    assert abstain(None, truth, probabilities, patients, **BOOTSTRAP)["abstained_reason"]


def test_a_curve_keeps_its_ends():
    truth, logits = calibrated(1000, seed=4)
    curve = thinned_curve(truth, softmax(logits, axis=1))
    assert (len(curve["coverage"]), curve["coverage"][0], curve["coverage"][-1]) == (101, 0.001, 1)


def test_the_interval_of_a_mean_over_patients_of_one_image_each_is_the_binomial_one():
    values, every = np.array([0.0, 1.0] * 200), np.ones(400)
    numbers = ratio_intervals(np.arange(400), {"share": (values, every)}, n_resamples=5000, confidence=0.95, seed=0)
    half = 1.96 * math.sqrt(0.25 / 400)
    assert (numbers["share_low"], numbers["share_high"]) == pytest.approx((0.5 - half, 0.5 + half), abs=0.006)
