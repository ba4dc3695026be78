"""Curves of each class over its threshold: ROC, precision–recall, and net benefit (decision curve analysis).

Net benefit (Vickers and Elkin 2006) counts true positives minus false positives, per image, at the exchange rate of the
threshold t: a clinician who acts at probability t accepts (1 − t) / t false positives for a true one.
"""

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.undefined import Numbers

POINTS = 41  # kept of each curve: a plot shows no more
THRESHOLDS = np.linspace(0.01, 0.6, 60)  # above 60 %, no clinician waits for a finding
DIGITS = 4


def class_curves(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, Numbers]:
    """Return the curves of every class with and without an image.

    Args:
        truth: (n,) int class indices of test images.
        probabilities: (n, 7) float, calibrated.

    Returns:
        Class name → `prevalence`, `fpr` and `tpr`, `recall` and `precision`, and `net_benefit` at `THRESHOLDS`.
    """
    owns = {name: truth == index for index, name in enumerate(DISEASES)}
    return {
        name: _curves(own, probabilities[:, DISEASES.index(name)])
        for name, own in owns.items()
        if own.any() and not own.all()
    }


def net_benefit(own: np.ndarray, called: np.ndarray, threshold: float) -> float:
    """Return the net benefit per image of acting on the called images.

    Args:
        own: (n,) bool, images with the class.
        called: (n,) bool, images that are acted on; all of them for the strategy "treat all".
        threshold: Probability at which acting and waiting are equally good.
    """
    return float(((own & called).mean()) - ((~own & called).mean()) * threshold / (1 - threshold))


def _curves(own: np.ndarray, score: np.ndarray) -> Numbers:
    false_positive_rate, true_positive_rate, _ = roc_curve(own, score)
    precision, recall, _ = precision_recall_curve(own, score)
    roc, retrieved = _thinned(len(false_positive_rate)), _thinned(len(recall))
    benefit = np.array([net_benefit(own, score >= threshold, threshold) for threshold in THRESHOLDS])
    curves = {
        "fpr": false_positive_rate[roc],
        "tpr": true_positive_rate[roc],
        "recall": recall[retrieved],
        "precision": precision[retrieved],
        "net_benefit": benefit,
    }
    return {"prevalence": float(own.mean()), **{name: np.round(one, DIGITS).tolist() for name, one in curves.items()}}


def _thinned(length: int) -> np.ndarray:
    """Return positions of at most `POINTS` points of a curve, with both ends."""
    return np.unique(np.linspace(0, length - 1, POINTS).round().astype(int))
