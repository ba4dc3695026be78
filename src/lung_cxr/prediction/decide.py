"""Turn probabilities and feature distances of new images into decisions by the rule of the run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.abstention import below_threshold
from lung_cxr.evaluation.feature_distance import percentiles
from lung_cxr.evaluation.label_shift import adjust, estimate_shares
from lung_cxr.evaluation.scaled_probabilities import scaled

REFER = "refer"
REJECTED = "rejected_image"  # reading or quality control rejected the image: no probability
REFER_REASONS = {
    REJECTED: "rejected by reading or quality control",
    "unlike_training": "unlike the training images",
    "low_confidence": "confidence below the threshold",
    "no_threshold": "no confidence reaches the target accuracy on validation",
}
CALIBRATED_COLUMNS = tuple(f"calibrated_{column.removeprefix('p_')}" for column in PROBABILITY_COLUMNS)
NAMES = np.array(DISEASES, dtype=object)

Prevalence = str | Mapping[str, float]


class NoRuleError(ValueError):
    """The run has no decision rule that could be applied."""


@dataclass(frozen=True)
class Decisions:
    """Decisions of n images.

    Attributes:
        calibrated: (n, 7) float64, after temperature scaling and adjustment to the class shares.
        prediction_sets: n texts: the classes of the set, separated by ";", the most probable first.
        decisions: n class names, or `refer`.
        refer_reasons: n texts: codes of `REFER_REASONS` separated by ";"; "" without referral.
        percentiles: (n,) share of validation images with a smaller distance, percent; NaN without distance.
        prevalence: Class shares that the calibrated probabilities hold for, in words.
    """

    calibrated: np.ndarray
    prediction_sets: list[str]
    decisions: list[str]
    refer_reasons: list[str]
    percentiles: np.ndarray
    prevalence: str


def decide(
    probabilities: np.ndarray, distances: np.ndarray | None, rule: Mapping[str, Any], prevalence: Prevalence
) -> Decisions:
    """Apply a decision rule.

    Under other class shares, prediction sets use the thresholds of each class on the probabilities before adjustment:
    coverage within a class does not depend on the class shares.

    Args:
        probabilities: (n, 7) float, of the network.
        distances: (n,) feature distances; None where they are not known.
        rule: Decision rule of the run.
        prevalence: `training` (no adjustment), `estimated`, or class name → share.

    Raises:
        NoRuleError: The rule has no thresholds, or the class shares of training are not known.
    """
    if "reason" in rule:
        raise NoRuleError(f"The run has no decision rule: {rule['reason']}. Train it again")
    before = scaled(probabilities, rule["temperature"])
    calibrated, said = _under_shares(before, rule, prevalence)
    by_class = np.array([rule["set_thresholds"][name] for name in DISEASES])
    in_set = before >= (rule["set_threshold"] if prevalence == "training" else by_class)
    reasons = _refer_reasons(calibrated.max(axis=1, initial=0), distances, rule)
    top = NAMES[calibrated.argmax(axis=1)]
    order = np.argsort(-calibrated, axis=1, kind="stable")
    known = distances if rule.get("distance") else None
    return Decisions(
        calibrated,
        [";".join(NAMES[line[own[line]]]) for line, own in zip(order, in_set, strict=True)],
        [REFER if why else str(name) for why, name in zip(reasons, top, strict=True)],
        reasons,
        np.full(len(top), np.nan) if known is None else percentiles(known, rule["distance"]["quantiles"]),
        said,
    )


def _under_shares(calibrated: np.ndarray, rule: Mapping[str, Any], prevalence: Prevalence) -> tuple[np.ndarray, str]:
    """Return the probabilities under the class shares, and these in words."""
    if prevalence == "training" or not len(calibrated):
        return calibrated, "training"
    if rule.get("assumed_shares") is None:
        raise NoRuleError(
            "The record of the run lacks effective_class_weights, so the class shares that its probabilities assume "
            "are unknown. Set predict.prevalence to training, or train the run again"
        )
    assumed = np.array([rule["assumed_shares"][name] for name in DISEASES])
    if isinstance(prevalence, str):
        shares, kind = estimate_shares(calibrated, assumed), f"estimated from {len(calibrated)} images"
    else:
        shares, kind = np.array([prevalence.get(name, 0.0) for name in DISEASES]), "stated"
        shares = shares / shares.sum()
    numbers = ", ".join(f"{name} {share:.3f}" for name, share in zip(DISEASES, shares, strict=True))
    return adjust(calibrated, assumed, shares), f"{kind}: {numbers}"


def _refer_reasons(confidence: np.ndarray, distances: np.ndarray | None, rule: Mapping[str, Any]) -> list[str]:
    threshold, far = rule["abstention_threshold"], np.zeros(len(confidence), dtype=bool)
    if distances is not None and rule.get("distance"):
        far = distances > rule["distance"]["threshold"]
    unsure = below_threshold(confidence, threshold)
    low = "no_threshold" if threshold is None else "low_confidence"
    return [
        ";".join(code for code, applies in (("unlike_training", one), (low, other)) if applies)
        for one, other in zip(far, unsure, strict=True)
    ]
