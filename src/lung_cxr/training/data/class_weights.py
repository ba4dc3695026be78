"""Influence of each class on training: sampling, loss weights, and their product."""

from typing import Literal

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import Sampling


def class_counts(labels: np.ndarray) -> np.ndarray:
    """Return (7,) int: number of training images of each class, from (n,) class indices."""
    return np.bincount(labels, minlength=len(DISEASES))


def loss_weights(
    counts: np.ndarray, kind: Literal["inverse_frequency", "effective_number", "none"], beta: float | None = None
) -> np.ndarray:
    """Return (7,) float64: weight of one image's loss, by its class; 0 for a class without training images.

    `inverse_frequency` is Eq. 14: w_i = N / (C · n_i), where C is the number of classes in training.
    `effective_number` is w_i ∝ (1 − β) / (1 − β^n_i) with sum C (Cui et al., Class-balanced loss, CVPR 2019).

    Args:
        counts: (7,) int, training images by class.
        kind: Kind of weights.
        beta: β in [0, 1), for `effective_number` only; 0: equal weights; towards 1: inverse frequency.
    """
    present = counts > 0
    if kind == "none":
        return present.astype(np.float64)
    if kind == "effective_number":
        if beta is None:
            raise TypeError("loss weights by the effective number need beta")
        weights = np.divide(1 - beta, 1 - beta**counts, out=np.zeros(len(counts)), where=present)
        return weights * present.sum() / weights.sum()
    return np.divide(counts.sum(), present.sum() * counts, out=np.zeros(len(counts)), where=present)


def sampling_shares(counts: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Return (7,) float64: expected share of each class among the samples of an epoch."""
    weight = (counts > 0) if sampling == "balanced" else counts
    return weight / weight.sum()


def effective_weights(shares: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (7,) float64 with sum 1: share of each class in the expected training loss, for equal losses per image.

    Balanced sampling and Eq. 14 correct the same imbalance. With both, the rarest class has the largest share.
    """
    effective = shares * weights
    return effective / effective.sum()


def constant_prediction_loss(shares: np.ndarray, weights: np.ndarray) -> float:
    """Return the lowest training loss of any constant prediction, in nats.

    The training loss is the mean of weight × cross-entropy over the samples. Its best constant prediction is the
    effective weights. A model with a higher training loss has learned nothing from the pixels.
    """
    expected = shares * weights
    seen = expected > 0
    return float(-(expected[seen] * np.log(effective_weights(shares, weights)[seen])).sum())
