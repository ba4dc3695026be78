"""Abstention: accuracy of the images above a confidence threshold, and the share below it that goes to a clinician."""

from typing import Any

import numpy as np

from lung_cxr.evaluation.undefined import Numbers, all_undefined

AT_A_THRESHOLD = ("threshold", "abstained", "accuracy")
POINTS = 101  # thresholds kept of an accuracy-coverage curve: a plot shows no more


def accuracy_coverage(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the accuracy-coverage curve over all thresholds on the confidence.

    Returns:
        Thresholds (distinct confidences, falling), coverage (share of images at or above the threshold), and the
        accuracy of these images; (k,) each. The last threshold covers every image.
    """
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(-confidence, kind="stable")
    falling, answered = confidence[order], np.arange(1, truth.size + 1)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))  # equal confidences share one threshold
    return falling[last], answered[last] / truth.size, (np.cumsum(hit[order]) / answered)[last]


def threshold_for(target: float, truth: np.ndarray, probabilities: np.ndarray) -> float | None:
    """Return the lowest threshold at which the answered images reach accuracy `target`; None where none does."""
    thresholds, _, accuracies = accuracy_coverage(truth, probabilities)
    reached = np.flatnonzero(accuracies >= target)
    return float(thresholds[reached[-1]]) if reached.size else None


def below_threshold(confidence: np.ndarray, threshold: float | None) -> np.ndarray:
    """Return whether each confidence is too low for an answer, (n,) bool; without a threshold every one is."""
    return confidence < (np.inf if threshold is None else threshold)


def abstain(
    threshold: float | None, truth: np.ndarray, probabilities: np.ndarray, patients: np.ndarray, **bootstrap: Any
) -> Numbers:
    """Return abstention rate and accuracy at a threshold on the confidence.

    Args:
        threshold: Lowest confidence that is answered; None where no threshold reaches the target.
        truth: (n,) int class indices of test images.
        probabilities: (n, 7) float.
        patients: (n,) patient keys.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `threshold`, `abstained` (share of images not answered) and `accuracy` of the answered ones with `accuracy_low`
        and `accuracy_high`. NaN with the reason where `threshold` is None or no image is answered.
    """
    # imports scikit-learn, which the environment of a bundle does not have
    from lung_cxr.evaluation.intervals import ratio_intervals

    names = (*AT_A_THRESHOLD, "accuracy_low", "accuracy_high")
    if threshold is None:
        return all_undefined(names, "no threshold reaches that accuracy")
    answered = probabilities.max(axis=1) >= threshold
    known = {"threshold": threshold, "abstained": float(1 - answered.mean())}
    if not answered.any():
        return all_undefined(names, "no image is answered", but=known)
    right = answered & (probabilities.argmax(axis=1) == truth)
    ratio = {"accuracy": (right.astype(float), answered.astype(float))}
    return known | ratio_intervals(patients, ratio, **bootstrap)


def thinned_curve(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, list[float]]:
    """Return `coverage` and `accuracy` at no more than `POINTS` thresholds, for the figure."""
    _, coverage, accuracies = accuracy_coverage(truth, probabilities)
    kept = np.unique(np.linspace(0, coverage.size - 1, POINTS).round().astype(int))
    return {"coverage": coverage[kept].tolist(), "accuracy": accuracies[kept].tolist()}
