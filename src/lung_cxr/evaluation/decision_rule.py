"""The decision rule of a run: all that turns its probabilities into decisions, fitted on validation images only.

The report, the model card, `predict` and the bundle read the rule from `decision_rule.json`; nothing else fits one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.abstention import below_threshold, threshold_for
from lung_cxr.evaluation.conformal import probability_threshold
from lung_cxr.evaluation.feature_distance import distance_threshold
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.operating_points import fit_operating_points
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.temperature import fit_temperature
from lung_cxr.evaluation.undefined import json_ready
from lung_cxr.parameters import DecisionRuleParameters

Rule = dict[str, Any]


def fit_decision_rule(
    predictions: pd.DataFrame,
    settings: DecisionRuleParameters,
    shares: Mapping[str, Any],
    distance: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
) -> Rule:
    """Fit temperature and thresholds on the validation images of a run.

    Args:
        predictions: `contracts.predictions` of the run.
        settings: Targets of the rule.
        shares: Result of `training_shares`.
        distance: Result of `describe_distances`; None where the features are not known.
        quality: Result of `describe_quality`; None where the catalogue is from before it.

    Returns:
        JSON-ready: `settings`; `validation` (numbers of images and patients); `temperature`; and of the scaled
        probabilities `set_threshold` (marginal), `set_thresholds` (by class name), `abstention_threshold` (None where
        no threshold reaches the target accuracy), `operating_points` (by class name); the `shares`; `distance` with its
        `threshold`, or None; `quality`; `decisions` (see `decision_shares`).
        Only `settings` and `reason` without validation images.
    """
    own = predictions[predictions["subset"] == "validation"]
    if own.empty:
        return {"settings": settings.model_dump(mode="json"), "reason": "there are no validation images"}
    truth, raw = label_indices(own["label"].tolist()), probabilities(own)
    temperature = fit_temperature(truth, raw)
    calibrated = scaled(raw, temperature)
    by_class = {
        disease: probability_threshold(truth[truth == index], calibrated[truth == index], settings.coverage)
        for index, disease in enumerate(DISEASES)
    }
    rule = json_ready(
        {
            "settings": settings.model_dump(mode="json"),
            "validation": {"images": len(own), "patients": own["patient_key"].nunique()},
            "temperature": temperature,
            "set_threshold": probability_threshold(truth, calibrated, settings.coverage),
            "set_thresholds": by_class,
            "abstention_threshold": threshold_for(settings.target_accuracy, truth, calibrated),
            "operating_points": fit_operating_points(truth, calibrated, settings.sensitivity),
            **shares,
            "distance": distance and with_threshold(distance, settings.unlike_training),
            "quality": quality,
        }
    )
    return rule | {"decisions": decision_shares(raw, rule)}


def decision_shares(network: np.ndarray, rule: Mapping[str, Any]) -> dict[str, float]:
    """Return `share_<class>` of the classes with the highest probability, and the share with `low_confidence`.

    Args:
        network: (n, 7) float, probabilities of the network, n ≥ 1.
        rule: `temperature` and `abstention_threshold`. They are applied without adjustment to other class shares, so
            that batches compare with each other and with the validation images.
    """
    top = np.bincount(network.argmax(axis=1), minlength=len(DISEASES)) / len(network)
    names = (f"share_{column.removeprefix('p_')}" for column in PROBABILITY_COLUMNS)
    unsure = below_threshold(scaled(network, rule["temperature"]).max(axis=1), rule["abstention_threshold"])
    return {**dict(zip(names, top.tolist(), strict=True)), "low_confidence": float(unsure.mean())}


def with_threshold(distance: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Return the description of the distances with the `threshold` that a share of the validation images exceeds."""
    return {**distance, "threshold": distance_threshold(distance["quantiles"], share)}


def training_shares(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the class shares behind a run, by class name; None where an older record lacks them.

    Returns:
        `class_shares`: shares of the training images. `assumed_shares`: class shares that the probabilities assume.
        Sampling and loss weights replace the shares of the images, so these are the effective class weights, divided
        by share^τ for the logit-adjusted loss; a model without class weights assumes the shares of the images.
    """
    counts = record.get("training_images")
    if not counts:
        return {"class_shares": None, "assumed_shares": None}
    shares = {name: count / sum(counts.values()) for name, count in counts.items()}
    training = record.get("parameters", {}).get("training", {})
    weights = record.get("effective_class_weights") or shares
    if training.get("loss") == "logit_adjusted":
        tau = training["loss_settings"]["logit_adjustment"]
        weights = {name: weights[name] / share**tau if share else 0.0 for name, share in shares.items()}
    total = sum(weights.values())
    return {"class_shares": shares, "assumed_shares": {name: weight / total for name, weight in weights.items()}}
