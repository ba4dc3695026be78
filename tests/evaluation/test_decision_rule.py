"""The decision rule: fitted on validation alone, and its operating points and distances by hand."""

import json

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix
from sklearn.neighbors import NearestNeighbors

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation import feature_distance
from lung_cxr.evaluation.conformal import probability_threshold
from lung_cxr.evaluation.decision_rule import fit_decision_rule, training_shares
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.operating_points import describe_operating_points, fit_operating_points
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.uncertainty import evaluate_certainty
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.training.run.rule_file import write_rule
from lung_cxr.training.run.run_rules import rule_of_run

BOOTSTRAP = {"n_resamples": 200, "confidence": 0.95, "seed": 0}
SETTINGS = DecisionRuleParameters(coverage=0.9, target_accuracy=0.8, sensitivity=0.95, unlike_training=0.01)


@pytest.fixture(scope="module")
def frame(make_predictions):
    frame = make_predictions(images=400, patients=300, seed=1)
    frame.loc[:199, "subset"] = "validation"
    return frame


@pytest.fixture(scope="module")
def rule(frame):
    return fit_decision_rule(frame, SETTINGS, training_shares({}))


def test_the_rule_is_fitted_on_validation_alone(frame, rule):
    other_test = frame.copy()
    flipped = frame.loc[200:, list(PROBABILITY_COLUMNS)].to_numpy()[:, ::-1]
    other_test.loc[200:, list(PROBABILITY_COLUMNS)] = flipped
    assert fit_decision_rule(other_test, SETTINGS, training_shares({})) == rule
    ours, theirs = evaluate_certainty(frame, rule, **BOOTSTRAP), evaluate_certainty(other_test, rule, **BOOTSTRAP)
    assert theirs["sets"]["coverage"] < ours["sets"]["coverage"]
    assert theirs["abstention"]["accuracy"] < ours["abstention"]["accuracy"]


def test_the_rule_survives_json(rule):
    assert json.loads(json.dumps(rule, allow_nan=False)) == rule


def test_coverage_abstention_and_operating_points_of_the_test_set_are_those_of_the_rule(frame, rule):
    """Recomputed here from the stored numbers alone, as a user of the file would."""
    ours, test = evaluate_certainty(frame, rule, **BOOTSTRAP), frame[frame["subset"] == "test"]
    truth, p = label_indices(test["label"].tolist()), scaled(probabilities(test), rule["temperature"])
    assert ours["sets"]["coverage"] == pytest.approx((p[np.arange(200), truth] >= rule["set_threshold"]).mean())
    answered = p.max(axis=1) >= rule["abstention_threshold"]
    assert ours["abstention"]["abstained"] == pytest.approx((~answered).mean())
    assert ours["abstention"]["accuracy"] == pytest.approx((p.argmax(axis=1) == truth)[answered].mean())
    for index, disease in enumerate(DISEASES):
        for point in ("rule_out", "youden"):
            threshold, numbers = rule["operating_points"][disease][point], ours["operating_points"][disease][point]
            (tn, fp), (fn, tp) = confusion_matrix(truth == index, p[:, index] >= threshold)
            expected = [tp / (tp + fn), tn / (tn + fp), tp / (tp + fp), tn / (tn + fn)]
            found = [numbers[name] for name in ("sensitivity", "specificity", "ppv", "npv")]
            assert found == pytest.approx(expected)
            assert numbers["sensitivity_low"] <= numbers["sensitivity"] <= numbers["sensitivity_high"]


def test_each_class_has_its_own_threshold_for_sets(frame, rule):
    own = frame[frame["subset"] == "validation"]
    truth, p = label_indices(own["label"].tolist()), scaled(probabilities(own), rule["temperature"])
    pneumonia = truth == 0
    assert rule["set_thresholds"]["Pneumonia"] == probability_threshold(truth[pneumonia], p[pneumonia], 0.9)
    assert (p[pneumonia, 0] >= rule["set_thresholds"]["Pneumonia"]).mean() >= 0.9


def test_without_validation_images_the_rule_says_so(predictions):
    rule = fit_decision_rule(predictions, SETTINGS, {})
    assert rule["reason"] == "there are no validation images"
    assert evaluate_certainty(predictions, rule, **BOOTSTRAP) == {"reason": "there are no validation images"}


def test_operating_points_by_hand():
    """Class 0 has 0.9, 0.7, 0.2; the others 0.6, 0.3, 0.1. Two of three positives are 67 %."""
    truth = np.array([0, 0, 0, 1, 1, 1])
    p = np.zeros((6, 7))
    p[:, 0] = [0.9, 0.7, 0.2, 0.6, 0.3, 0.1]
    points = fit_operating_points(truth, p, sensitivity=0.95)
    assert points["Pneumonia"] == {"rule_out": 0.2, "youden": 0.7}
    assert fit_operating_points(truth, p, sensitivity=2 / 3)["Pneumonia"]["rule_out"] == 0.7
    assert "with and without this class" in points["Atelectasis"]["youden_reason"]
    stored = {name: {k: None if v != v else v for k, v in of_class.items()} for name, of_class in points.items()}
    described = describe_operating_points(truth, p, stored, np.arange(6), **BOOTSTRAP)
    at = described["Pneumonia"]["rule_out"]
    assert (at["sensitivity"], at["specificity"], at["ppv"], at["npv"]) == (1, 1 / 3, 0.6, 1)
    assert "with and without this class" in described["Atelectasis"]["youden"]["sensitivity_reason"]


def test_distances_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    references, features = generator.normal(size=(50, 8)), generator.normal(size=(20, 8))
    unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (references, features)]
    expected = NearestNeighbors(n_neighbors=feature_distance.NEIGHBOURS).fit(unit[0]).kneighbors(unit[1])[0][:, -1]
    assert feature_distance.distances(features, references) == pytest.approx(expected, abs=1e-5)


def test_one_of_a_hundred_validation_images_is_beyond_the_threshold():
    found = np.random.default_rng(0).random(10_000)
    described = feature_distance.describe_distances(found)
    threshold = feature_distance.distance_threshold(described["quantiles"], 0.01)
    assert (found > threshold).mean() == pytest.approx(0.01, abs=1e-3)
    assert feature_distance.percentiles(np.array([threshold, 2.0]), described["quantiles"]) == pytest.approx([99, 100])


def test_references_hold_every_image_of_a_rare_class():
    labels = np.repeat([0, 1, 2], [90, 8, 2])
    chosen = feature_distance.choose_references(labels, most=20)
    assert np.bincount(labels[chosen]).tolist() == [10, 8, 2]
    assert (np.diff(chosen) > 0).all()


def test_shares_of_training_and_those_that_the_probabilities_assume():
    record = {"training_images": {"a": 3, "b": 1}, "effective_class_weights": {"a": 0.25, "b": 0.75}}
    shares = {"a": 0.75, "b": 0.25}
    assert training_shares(record) == {"class_shares": shares, "assumed_shares": {"a": 0.25, "b": 0.75}}
    del record["effective_class_weights"]
    assert training_shares(record)["assumed_shares"] == shares, "a model without class weights"
    record["parameters"] = {"training": {"loss": "logit_adjusted", "loss_settings": {"logit_adjustment": 1}}}
    assert training_shares(record)["assumed_shares"] == {"a": 0.5, "b": 0.5}
    assert training_shares({}) == {"class_shares": None, "assumed_shares": None}


def test_a_rule_from_before_the_reference_of_watching_is_completed_from_the_stored_predictions(frame, rule, tmp_path):
    validation = frame[frame["subset"] == "validation"]
    top = validation[list(PROBABILITY_COLUMNS)].idxmax(axis=1)
    assert rule["decisions"]["share_pneumonia"] == pytest.approx((top == "p_pneumonia").mean())
    confidence = scaled(probabilities(validation), rule["temperature"]).max(axis=1)
    assert rule["decisions"]["low_confidence"] == pytest.approx((confidence < rule["abstention_threshold"]).mean())
    older = {name: value for name, value in rule.items() if name not in ("decisions", "quality")}
    write_rule(tmp_path, older, None)
    assert rule_of_run(tmp_path, frame, {}, SETTINGS) == {**older, "decisions": rule["decisions"]}
