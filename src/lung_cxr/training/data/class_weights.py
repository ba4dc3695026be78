"""How much each class counts in training: sampling, Eq. 14, and both together."""

from typing import Literal

import numpy as np

from lung_cxr.diseases import DISEASES


def class_counts(labels: np.ndarray) -> np.ndarray:
    """Return (7,) int: training images of each class, from (n,) class indices."""
    return np.bincount(labels, minlength=len(DISEASES))


def loss_weights(counts: np.ndarray, kind: Literal["inverse_frequency", "none"]) -> np.ndarray:
    """Return (7,) float64: the weight of one image's loss by its class.

    Eq. 14: w_i = N / (C · n_i), with C the classes that occur in training; 0 for a class that does not.
    """
    present = counts > 0
    if kind == "none":
        return present.astype(np.float64)
    return np.divide(counts.sum(), present.sum() * counts, out=np.zeros(len(counts)), where=present)


def sampling_shares(counts: np.ndarray, sampling: Literal["balanced", "natural"]) -> np.ndarray:
    """Return (7,) float64: the expected share of each class among the images drawn in an epoch."""
    weight = (counts > 0) if sampling == "balanced" else counts
    return weight / weight.sum()


def effective_weights(shares: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (7,) float64, summing to 1: each class's share of the expected training loss, losses being equal.

    Balanced sampling and Eq. 14 correct for the same imbalance; used together, the rarest class weighs most.
    """
    effective = shares * weights
    return effective / effective.sum()


def constant_prediction_loss(shares: np.ndarray, weights: np.ndarray) -> float:
    """Return the lowest training loss that any constant prediction can reach, in nats.

    The training loss is the mean of weight × cross-entropy over the images drawn; the best constant
    prediction is the effective shares. A model whose training loss stays above this has learned nothing from
    the pixels.
    """
    expected = shares * weights
    seen = expected > 0
    return float(-(expected[seen] * np.log(effective_weights(shares, weights)[seen])).sum())
