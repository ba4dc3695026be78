"""Metrics against scikit-learn where it defines them, and against counting by hand where it does not."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import (
    CLASS_NAMES_IN_KEYS,
    METRICS,
    classification_metrics,
    count_matrix,
    expected_calibration_error,
    label_indices,
    macro_f1,
    normalised_by_truth,
)
from lung_cxr.evaluation.predictions import probabilities


def one_hot(*classes: int, confidence: float = 1.0) -> np.ndarray:
    rest = (1 - confidence) / (len(DISEASES) - 1)
    rows = np.full((len(classes), len(DISEASES)), rest)
    rows[np.arange(len(classes)), classes] = confidence
    return rows


def test_all_metrics_agree_with_scikit_learn(predictions):
    labels, shares = predictions["label"].tolist(), probabilities(predictions)
    truth, predicted = label_indices(labels), shares.argmax(axis=1)
    ours = classification_metrics(labels, shares)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    assert ours["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert ours["macro_f1"] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    assert ours["log_loss"] == pytest.approx(reference.log_loss(truth, shares))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(truth, predicted)
    for index, key in enumerate(CLASS_NAMES_IN_KEYS):
        assert ours[f"precision_{key}"] == pytest.approx(precision[index])
        assert ours[f"recall_{key}"] == pytest.approx(recall[index])
        assert ours[f"f1_{key}"] == pytest.approx(f1[index])
        one_against_rest = truth == index, shares[:, index]
        assert ours[f"auroc_{key}"] == pytest.approx(reference.roc_auc_score(*one_against_rest))
        assert ours[f"average_precision_{key}"] == pytest.approx(reference.average_precision_score(*one_against_rest))
    assert set(ours) == set(METRICS)  # everything defined: no reason beside any number


def test_counts_of_no_images_are_zero():
    nothing = np.array([], dtype=np.int64)
    assert count_matrix(nothing, nothing).tolist() == np.zeros((7, 7)).tolist()
    truth, predicted = np.array([0, 6, 6]), np.array([0, 6, 2])
    assert (
        count_matrix(truth, predicted).tolist()
        == reference.confusion_matrix(truth, predicted, labels=range(7)).tolist()
    )


def test_an_absent_class_is_undefined_and_leaves_the_means_alone():
    labels = ["Pneumonia", "Pneumonia", "COVID-19", "COVID-19"]
    ours = classification_metrics(labels, one_hot(0, 0, 1, 2))  # one COVID-19 is called tuberculosis
    assert ours["macro_f1"] == pytest.approx((1 + 2 / 3) / 2)  # two classes occur
    assert ours["balanced_accuracy"] == pytest.approx((1 + 1 / 2) / 2)
    assert math.isnan(ours["recall_tuberculosis"])
    assert ours["recall_tuberculosis_reason"] == "no Tuberculosis among the labels"
    assert ours["precision_tuberculosis"] == 0  # it was predicted once, wrongly
    assert ours["precision_atelectasis_reason"] == "Atelectasis was never predicted"


def test_a_class_that_is_never_predicted_has_an_f1_of_zero_but_no_precision():
    ours = classification_metrics(["Pneumonia", "COVID-19"], one_hot(0, 0))
    assert (ours["f1_covid_19"], ours["recall_covid_19"]) == (0, 0)
    assert math.isnan(ours["precision_covid_19"])


def test_auroc_needs_images_of_other_classes():
    ours = classification_metrics(["Pneumonia", "Pneumonia"], one_hot(0, 1))
    assert ours["auroc_pneumonia_reason"] == "every label is Pneumonia"


def test_an_empty_test_set_has_no_numbers_only_reasons():
    ours = classification_metrics([], np.empty((0, 7)))
    assert all(math.isnan(ours[name]) for name in METRICS)
    assert all(ours[f"{name}_reason"] for name in METRICS)


def test_a_wrong_certainty_costs_a_finite_loss():
    ours = classification_metrics(["COVID-19"], one_hot(0))
    assert ours["log_loss"] == pytest.approx(-math.log(np.finfo(np.float32).eps))


def test_calibration_error_by_hand():
    # ten images at confidence 0.9, six of them right: gap 0.3; ten at 0.6, six right: gap 0
    sure, unsure = one_hot(*[0] * 10, confidence=0.9), one_hot(*[0] * 10, confidence=0.6)
    truth = np.array(([0] * 6 + [1] * 4) * 2)
    assert expected_calibration_error(truth, np.vstack([sure, unsure])) == pytest.approx(0.15)


def test_perfect_and_certain_predictions_are_perfectly_calibrated():
    ours = classification_metrics(list(DISEASES), one_hot(*range(7)))
    assert (ours["accuracy"], ours["macro_f1"], ours["ece"]) == (1, 1, 0)


def test_confusion_rows_are_the_truth_and_sum_to_one():
    matrix = count_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 2, 1]))
    assert matrix[0, 2] == 1
    shares = normalised_by_truth(matrix)
    assert shares[0, 0] == pytest.approx(2 / 3)
    assert shares[0].sum() == pytest.approx(1)
    assert np.isnan(shares[6]).all()  # no image of that class


def test_macro_f1_of_many_matrices_at_once_is_that_of_each():
    generator = np.random.default_rng(3)
    matrices = generator.integers(0, 4, size=(20, 7, 7))
    assert macro_f1(matrices) == pytest.approx([float(macro_f1(matrix)) for matrix in matrices])
    assert np.isnan(macro_f1(np.zeros((7, 7))))


@pytest.mark.parametrize(
    ("labels", "shares", "complaint"),
    [
        (["Pneumonia"], np.zeros((2, 7)), "shape"),
        (["Pneumonia"], np.full((1, 7), 0.5), "softmax"),
        (["Pneumonia"], np.full((1, 7), np.nan), "finite"),
        (["Nguyen Van A"], one_hot(0), "1 other name"),
    ],
)
def test_input_that_is_no_classification_is_refused_without_quoting_it(labels, shares, complaint):
    with pytest.raises(ValueError, match=complaint) as error:
        classification_metrics(labels, shares)
    assert "Nguyen" not in str(error.value)
