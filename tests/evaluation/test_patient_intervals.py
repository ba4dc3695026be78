import time

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from lung_cxr.evaluation.intervals import (
    clopper_pearson,
    counts_per_patient,
    patient_intervals,
    percentile_interval,
    ratio_intervals,
    resampled_matrices,
    resampled_metrics,
)
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import evaluate_predictions, frame_counts, frame_matrix, probabilities


def test_counts_per_patient_sum_to_the_confusion_matrix(predictions):
    counts = frame_counts(predictions)
    assert counts.shape[0] == predictions["patient_key"].nunique()
    assert (counts.sum(axis=0) == frame_matrix(predictions)).all()


def test_each_draw_is_what_resampling_the_patients_rows_gives(predictions):
    """The vectorised draws against the plain way: take the rows of the drawn patients, call scikit-learn."""
    truth, predicted = label_indices(predictions["label"].tolist()), probabilities(predictions).argmax(axis=1)
    keys = np.unique(predictions["patient_key"])
    rows = [np.flatnonzero(predictions["patient_key"] == key) for key in keys]
    drawn = np.random.default_rng(7).integers(len(keys), size=(5, len(keys)))  # as `resampled_matrices` draws
    ours = resampled_metrics(frame_counts(predictions), n_resamples=5, seed=7)
    for number, patients in enumerate(drawn):
        chosen = np.concatenate([rows[patient] for patient in patients])
        t, p = truth[chosen], predicted[chosen]
        assert ours["accuracy"][number] == pytest.approx(np.mean(t == p))
        assert ours["macro_f1"][number] == pytest.approx(f1_score(t, p, labels=np.unique(t), average="macro"))


def test_draws_keep_patients_whole():
    """A patient with ten wrong images and nine with one right image: accuracy moves in steps of the patient."""
    patients = ["a"] * 10 + list("bcdefghij")
    counts = counts_per_patient(patients, np.zeros(19, dtype=int), np.array([1] * 10 + [0] * 9))
    matrices = resampled_matrices(counts, n_resamples=200, seed=0)
    assert set(np.unique(matrices[:, 0, 1]) % 10) == {0}


def test_interval_of_one_image_per_patient_is_the_binomial_one():
    """With n patients of one image each, the bootstrap of accuracy is binomial: SD sqrt(p (1 − p) / n)."""
    counts = counts_per_patient([str(n) for n in range(400)], np.zeros(400, dtype=int), np.arange(400) % 4)
    values = resampled_metrics(counts, n_resamples=20_000, seed=1)["accuracy"]
    assert values.mean() == pytest.approx(0.25, abs=0.001)
    assert values.std() == pytest.approx(np.sqrt(0.25 * 0.75 / 400), rel=0.03)


def test_percentile_interval():
    assert percentile_interval(np.arange(1001), 0.95) == pytest.approx((25, 975))


def test_same_seed_same_interval_and_the_order_of_rows_does_not_matter(predictions):
    first = evaluate_predictions(predictions, n_resamples=500, confidence=0.95, seed=3)
    shuffled = predictions.sample(frac=1, random_state=5)
    assert (
        evaluate_predictions(shuffled, n_resamples=500, confidence=0.95, seed=3)["macro_f1_low"]
        == first["macro_f1_low"]
    )
    assert first["accuracy_low"] < first["accuracy"] < first["accuracy_high"]


def test_one_patient_has_no_interval_and_says_why(make_predictions):
    frame = make_predictions(images=5, patients=1, seed=0)
    numbers = evaluate_predictions(frame, n_resamples=100, confidence=0.95, seed=0)
    assert np.isnan(numbers["accuracy_low"])
    assert "5 patients" in numbers["accuracy_low_reason"]


def test_ten_thousand_draws_of_the_papers_test_set_take_seconds(make_predictions):
    counts = frame_counts(make_predictions(images=1542, patients=1400, seed=0))
    started = time.perf_counter()
    patient_intervals([counts], n_resamples=10_000, confidence=0.95, seed=0)
    assert time.perf_counter() - started < 60 / 14  # fourteen runs within a minute


def test_clopper_pearson_by_its_closed_form_and_by_scipy():
    assert clopper_pearson(1.0, 4, 0.95) == pytest.approx((0.025**0.25, 1.0))
    assert clopper_pearson(0.0, 4, 0.95) == pytest.approx((0.0, 1 - 0.025**0.25))
    exact = stats.binomtest(7, 20).proportion_ci(0.95, method="exact")
    assert clopper_pearson(0.35, 20, 0.95) == pytest.approx((exact.low, exact.high))


def test_a_share_of_all_patients_has_no_interval_of_zero_width():
    patients = np.repeat(list("abcdef"), 3)  # three images per patient count as one observation
    ones = np.ones(len(patients))
    numbers = ratio_intervals(patients, {"share": (ones, ones)}, n_resamples=100, confidence=0.95, seed=0)
    assert (numbers["share_low"], numbers["share_high"]) == pytest.approx((0.025 ** (1 / 6), 1.0))


def test_below_five_patients_there_is_no_interval():
    patients = np.array(list("abcd"))
    ones = np.ones(4)
    numbers = ratio_intervals(patients, {"share": (ones, ones)}, n_resamples=100, confidence=0.95, seed=0)
    assert np.isnan(numbers["share_low"])
    assert "5 patients" in numbers["share_low_reason"]
