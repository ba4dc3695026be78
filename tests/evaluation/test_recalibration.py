import numpy as np
import pytest

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.recalibration import cross_fitted, evaluate_recalibration
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.temperature import fit_temperature

SETTINGS = {"n_resamples": 100, "confidence": 0.95, "seed": 0}
RULE = {"temperature": 1.0, "assumed_shares": dict.fromkeys(DISEASES, 1 / 7)}


@pytest.fixture
def image_set(make_predictions):
    frame = make_predictions(images=600, patients=400, seed=3, skill=1.5)
    truth, values = label_indices(frame["label"].tolist()), probabilities(frame[[*PROBABILITY_COLUMNS]])
    return truth, values, frame["patient_key"].to_numpy(dtype=str)


def test_an_overconfident_network_is_calibrated_by_the_labels_of_other_patients(image_set):
    truth, values, patients = image_set
    sharp = scaled(values, 1 / 3)
    found = evaluate_recalibration(truth, sharp, patients, RULE, **SETTINGS)
    assert found["network"]["log_loss"] == found["rule"]["log_loss"]  # temperature 1
    assert found["fitted"]["log_loss"] < found["rule"]["log_loss"] - 0.05
    assert found["fitted"]["ece"] < found["rule"]["ece"]
    assert found["fitted"]["accuracy"] == found["rule"]["accuracy"]  # a temperature changes no class
    assert found["fitted"]["log_loss_low"] < found["fitted"]["log_loss"] < found["fitted"]["log_loss_high"]


def test_no_patient_calibrates_its_own_images(image_set):
    truth, values, patients = image_set
    expected = cross_fitted(truth, values, patients)
    own = patients == patients[0]
    changed = truth.copy()
    changed[own] = (changed[own] + 3) % 7
    np.testing.assert_array_equal(cross_fitted(changed, values, patients)[own], expected[own])
    assert np.abs(expected - scaled(values, fit_temperature(truth, values))).max() < 0.05


def test_without_a_rule_or_with_few_patients_there_is_a_reason(image_set):
    truth, values, patients = image_set
    found = evaluate_recalibration(truth[:3], values[:3], patients[:3], {"reason": "no validation images"}, **SETTINGS)
    assert list(found) == ["network", "rule", "shares", "fitted"]
    assert found["rule"]["ece_reason"] == found["shares"]["ece_reason"] == "no validation images"
    assert found["fitted"]["ece_reason"] == "needs 5 patients or more"
    unknown = evaluate_recalibration(truth, values, patients, {**RULE, "assumed_shares": None}, **SETTINGS)
    assert "class weights" in unknown["shares"]["accuracy_reason"]
