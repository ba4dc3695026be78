"""Temperature scaling (Guo et al. 2017): one number, fitted on validation, that makes a run less or more sure.

It divides the logits, so it changes no predicted class, only the confidence. The network's logits are not kept, and not
needed: the logarithm of a softmax differs from them by a constant, which a softmax does not see.
"""

import numpy as np
from scipy.optimize import minimize_scalar

from lung_cxr.evaluation.metrics import (
    CALIBRATION_BINS,
    calibration_bins,
    expected_calibration_error,
    log_losses,
)
from lung_cxr.evaluation.undefined import Numbers

SMALLEST, LARGEST = 0.05, 20.0  # temperatures looked at: beyond, a softmax is one class or all alike
LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # what float32 holds above zero: a logit of −87


def fit_temperature(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature with the lowest log loss.

    Args:
        truth: (n,) int class indices, of images that the run was not trained on and is not judged by.
        probabilities: (n, 7) float.
    """

    def loss(log_temperature: float) -> float:
        return float(log_losses(truth, scaled(probabilities, np.exp(log_temperature))).mean())

    best = minimize_scalar(loss, bounds=(np.log(SMALLEST), np.log(LARGEST)), method="bounded")
    return float(np.exp(best.x))


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(logits / temperature), (n, 7) float64, from the probabilities at temperature 1."""
    logits = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def describe_calibration(truth: np.ndarray, probabilities: np.ndarray) -> Numbers:
    """Return `log_loss`, `ece` and the `reliability` diagram.

    The diagram is a list of bins that hold an image: `images`, mean `confidence` and `accuracy`.
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
