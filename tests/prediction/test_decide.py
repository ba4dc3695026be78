"""Decisions of new images: those of the report on the test set, and each reason of referral by hand."""

import numpy as np
import pytest
from pydantic import ValidationError

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.uncertainty import evaluate_certainty
from lung_cxr.experiments import Run
from lung_cxr.parameters import PredictParameters
from lung_cxr.prediction.decide import NAMES, NoRuleError, decide
from made_up_runs import RULES, made_up_run, made_up_split

P = np.array([[0.9, 0.1, 0, 0, 0, 0, 0], [0.5, 0.4, 0.1, 0, 0, 0, 0]])
RULE = {
    "temperature": 1.0,
    "set_threshold": 0.3,
    "set_thresholds": dict.fromkeys(DISEASES, 0.05),
    "abstention_threshold": 0.6,
    "distance": {"threshold": 0.5, "quantiles": np.linspace(0, 1, 101).tolist()},
    "assumed_shares": dict.fromkeys(DISEASES, 1 / 7),
}


def test_decisions_on_the_test_set_are_those_of_the_report():
    one = made_up_run(Run("mobilenet", "dynamic"), made_up_split(images=600), seed=1, skill=2.0)
    rule = RULES.of(one)
    report = evaluate_certainty(one.predictions, rule, n_resamples=100, confidence=0.95, seed=0)
    test = one.predictions[one.predictions["subset"] == "test"]
    decided, truth = decide(probabilities(test), None, rule, "training"), NAMES[label_indices(test["label"].tolist())]
    covered = [label in names.split(";") for label, names in zip(truth, decided.prediction_sets, strict=True)]
    assert np.mean(covered) == pytest.approx(report["sets"]["coverage"])
    decisions = np.array(decided.decisions, dtype=object)
    referred = decisions == "refer"
    assert 0 < referred.mean() == pytest.approx(report["abstention"]["abstained"])
    assert (decisions == truth)[~referred].mean() == pytest.approx(report["abstention"]["accuracy"])


@pytest.mark.parametrize(
    ("distances", "threshold", "reasons", "decisions"),
    [
        ([0.1, 0.1], 0.6, ["", "low_confidence"], [DISEASES[0], "refer"]),
        ([0.7, 0.7], 0.6, ["unlike_training", "unlike_training;low_confidence"], ["refer", "refer"]),
        (None, 0.6, ["", "low_confidence"], [DISEASES[0], "refer"]),
        (None, None, ["no_threshold", "no_threshold"], ["refer", "refer"]),
    ],
)
def test_reasons_of_referral(distances, threshold, reasons, decisions):
    found = None if distances is None else np.array(distances)
    decided = decide(P, found, {**RULE, "abstention_threshold": threshold}, "training")
    assert (decided.refer_reasons, decided.decisions) == (reasons, decisions)
    assert decided.prediction_sets == [DISEASES[0], f"{DISEASES[0]};{DISEASES[1]}"]
    expected = [np.nan] * 2 if distances is None else [100 * one for one in distances]
    assert decided.percentiles == pytest.approx(expected, nan_ok=True)


def test_stated_class_shares_change_the_class_and_are_said_and_sets_use_the_thresholds_of_each_class():
    shares = {DISEASES[0]: 0.1, DISEASES[1]: 0.9}
    decided = decide(P, None, RULE, shares)
    assert decided.calibrated[1, :3] == pytest.approx([0.05 / 0.41, 0.36 / 0.41, 0])
    assert decided.decisions[1] == DISEASES[1]
    assert decided.prediction_sets[1] == f"{DISEASES[1]};{DISEASES[0]};{DISEASES[2]}"
    assert decided.prevalence.startswith("stated: Pneumonia 0.100, COVID-19 0.900")


def test_without_the_shares_of_training_nothing_is_adjusted():
    with pytest.raises(NoRuleError, match="effective_class_weights"):
        decide(P, None, {**RULE, "assumed_shares": None}, "estimated")
    with pytest.raises(NoRuleError, match="no validation images"):
        decide(P, None, {"reason": "there are no validation images"}, "training")


@pytest.mark.parametrize("shares", [{"Pneumonia": 0.5}, {"Flu": 1.0}, "guess"])
def test_wrong_class_shares_stop_the_command(shares):
    with pytest.raises(ValidationError, match="prevalence"):
        PredictParameters(run=None, batch_size=1, accept_unknown_view=True, explain=False, prevalence=shares)
