"""What if a run answered only where it is sure? Accuracy of the answered images, and how many are left to people."""

from typing import Any

import numpy as np

from lung_cxr.evaluation.intervals import ratio_intervals
from lung_cxr.evaluation.undefined import Numbers, all_undefined

AT_A_THRESHOLD = ("threshold", "abstained", "accuracy")
POINTS = 101  # of a curve that is kept: more are not seen


def accuracy_coverage(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what each threshold on the confidence gives.

    Returns:
        Thresholds (distinct confidences, falling), the share of images answered at each, and the accuracy of these;
        (k,) each, the last with every image answered.
    """
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(-confidence, kind="stable")
    falling, answered = confidence[order], np.arange(1, truth.size + 1)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # equal confidences are answered together
    return falling[last], answered[last] / truth.size, (np.cumsum(hit[order]) / answered)[last]


def threshold_for(target: float, truth: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Return the lowest confidence from which on the answered images reach `target`; None where no threshold does."""
    thresholds, _, accuracies = accuracy_coverage(truth, probabilities)
    reached = np.flatnonzero(accuracies >= target)
    return float(thresholds[reached[-1]]) if reached.size else None


def abstain(
    threshold: float | None, truth: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, **draws: Any
) -> Numbers:
    """Return what answering from a confidence on gives.

    Args:
        threshold: Least confidence that is answered; None: there is none.
        truth: (n,) int class indices of test images.
        probabilities: (n, 7) float.
        patients: (n,) patient keys.
        draws: `draws`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `threshold`, `abstained` (share of images not answered) and `accuracy` of the answered ones with `accuracy_low`
        and `accuracy_high`. NaN with the reason where no threshold was given or nothing is answered.
    """
    names = (*AT_A_THRESHOLD, "accuracy_low", "accuracy_high")
    if threshold is None:
        return all_undefined(names, "no confidence is high enough to be that accurate")
    answered = probabilities.max(axis=1) >= threshold
    known = {"threshold": threshold, "abstained": float(1 - answered.mean())}
    if not answered.any():
        return all_undefined(names, "no image is answered", but=known)
    right = answered & (probabilities.argmax(axis=1) == truth)
    ratio = {"accuracy": (right.astype(float), answered.astype(float))}
    return known | ratio_intervals(patients, ratio, **draws)


def thinned_curve(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float]]:
    """Return `coverage` and `accuracy` of at most `POINTS` thresholds, for a picture."""
    _, coverage, accuracies = accuracy_coverage(truth, probabilities)
    kept = np.unique(np.linspace(0, coverage.size - 1, POINTS).round().astype(int))
    return {"coverage": coverage[kept].tolist(), "accuracy": accuracies[kept].tolist()}
