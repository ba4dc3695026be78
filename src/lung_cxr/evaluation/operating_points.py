"""Operating points per class: thresholds on its calibrated probability, chosen on validation.

`rule_out` is the highest threshold whose sensitivity reaches the target: below it, the disease can be ruled out.
`youden` maximises sensitivity + specificity − 1 (Youden 1950).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.metrics import roc_curve

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.undefined import Numbers, all_undefined

POINTS = ("rule_out", "youden")
RATIOS = ("sensitivity", "specificity", "ppv", "npv")
ENDS = ("", "_low", "_high")
ROUNDING = 1e-12  # of n · sensitivity


def fit_operating_points(truth: np.ndarray, probabilities: np.ndarray, sensitivity: float) -> dict[str, Numbers]:
    """Return class name → thresholds `rule_out` and `youden`; a class is called at or above its threshold.

    Args:
        truth: (n,) int class indices of validation images.
        probabilities: (n, 7) float, calibrated.
        sensitivity: Least sensitivity of `rule_out` on these images, e.g. 0.95.

    Returns:
        NaN with the reason for a class that all or none of the images have.
    """
    return {
        disease: _points_of_class(truth == index, probabilities[:, index], sensitivity)
        for index, disease in enumerate(DISEASES)
    }


def _points_of_class(own: np.ndarray, probability: np.ndarray, sensitivity: float) -> Numbers:
    if not own.any() or own.all():
        return all_undefined(POINTS, "validation needs images with and without this class")
    falling = np.sort(probability[own])[::-1]
    false_positive_rate, true_positive_rate, thresholds = roc_curve(own, probability, drop_intermediate=False)
    best = int(np.argmax(true_positive_rate - false_positive_rate))
    return {
        "rule_out": float(falling[math.ceil(own.sum() * sensitivity - ROUNDING) - 1]),
        "youden": float(min(thresholds[best], 1.0)),  # the curve begins at an infinite threshold: no image is called
    }


def describe_operating_points(
    truth: np.ndarray,
    probabilities: np.ndarray,
    points: Mapping[str, Mapping[str, Any]],
    patients: np.ndarray,
    **bootstrap: Any,
) -> dict[str, dict[str, Numbers]]:
    """Return sensitivity, specificity, PPV and NPV of every class at its thresholds.

    Args:
        truth: (n,) int class indices of test images.
        probabilities: (n, 7) float, calibrated.
        points: Operating points of the decision rule: `fit_operating_points` with None for NaN.
        patients: (n,) patient keys.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        Class name → point → `threshold` and each of `RATIOS` with `_low` and `_high`; NaN with the reason where the
        threshold or the denominator is missing.
    """
    ratios = {
        f"{disease}/{point}/{name}": ratio
        for index, disease in enumerate(DISEASES)
        for point in POINTS
        if (threshold := points[disease][point]) is not None
        for name, ratio in _ratios(truth == index, probabilities[:, index] >= threshold).items()
    }
    defined = {key: ratio for key, ratio in ratios.items() if ratio[1].any()}
    numbers = ratio_intervals(patients, defined, **bootstrap) if defined else {}
    for key in ratios.keys() - defined.keys():
        names = [f"{key}{end}" for end in ENDS]
        numbers |= all_undefined(names, f"no test image counts for the {key.rpartition('/')[2]}")
    return {
        disease: {point: _of_point(points[disease], point, f"{disease}/{point}/", numbers) for point in POINTS}
        for disease in DISEASES
    }


def _of_point(points: Mapping[str, Any], point: str, prefix: str, numbers: Numbers) -> Numbers:
    if points[point] is None:
        names = ["threshold", *(f"{name}{end}" for name in RATIOS for end in ENDS)]
        return all_undefined(names, points[f"{point}_reason"])
    own = {key.removeprefix(prefix): value for key, value in numbers.items() if key.startswith(prefix)}
    return {"threshold": points[point], **own}


def _ratios(own: np.ndarray, called: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return numerator and denominator of each ratio, (n,) float each."""
    pairs = {
        "sensitivity": (own & called, own),
        "specificity": (~own & ~called, ~own),
        "ppv": (own & called, called),
        "npv": (~own & ~called, ~called),
    }
    return {name: (above.astype(float), below.astype(float)) for name, (above, below) in pairs.items()}
