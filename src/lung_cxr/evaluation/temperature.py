"""Temperature scaling (Guo et al. 2017): one number, fitted on validation, that divides the logits.

It changes the confidence, but no predicted class. The network's logits are not stored and not needed: the logarithm of
the softmax differs from them by a constant, and a softmax is invariant to that constant.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from lung_cxr.evaluation.metrics import (
    CALIBRATION_BINS,
    calibration_bins,
    expected_calibration_error,
    log_losses,
)
from lung_cxr.evaluation.scaled_probabilities import scaled
from lung_cxr.evaluation.undefined import Numbers

SMALLEST, LARGEST = 0.05, 20.0  # search range; outside it a softmax is one-hot or uniform


def fit_temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature with the lowest log loss.

    Args:
        truth: (n,) int class indices of images that belong neither to training nor to the test set.
        probabilities: (n, 7) float.
    """

    def loss(log_temperature: float) -> float:
        return float(log_losses(truth, scaled(probabilities, np.exp(log_temperature))).mean())

    best = minimize_scalar(loss, bounds=(np.log(SMALLEST), np.log(LARGEST)), method="bounded")
    return float(np.exp(best.x))


def describe_calibration(truth: np.ndarray, probabilities: np.ndarray) -> Numbers:
    """Return `log_loss`, `ece` and the `reliability` diagram.

    The diagram is a list of the bins with an image: `images`, mean `confidence` and `accuracy`.
    """
    confidence, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = calibration_bins(confidence)
    in_bins = [bins == index for index in range(CALIBRATION_BINS)]
    return {
        "log_loss": float(log_losses(truth, probabilities).mean()),
        "ece": expected_calibration_error(truth, probabilities),
        "reliability": [
            {"images": int(own.sum()), "confidence": float(confidence[own].mean()), "accuracy": float(hit[own].mean())}
            for own in in_bins
            if own.any()
        ],
    }
