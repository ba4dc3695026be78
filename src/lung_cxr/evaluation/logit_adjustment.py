"""Post-hoc logit adjustment (Menon et al. 2021, Eq. 9): τ · log of the class shares is subtracted from the logits.

τ is chosen on validation. τ = 1 turns calibrated posteriors into those of a test set with equally frequent classes; a
negative τ moves towards the large classes, which corrects a training that over-weights the rare ones.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.metrics import accuracy, count_matrix, label_indices, log_losses, macro_f1
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.undefined import Numbers, all_undefined

TAUS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, 1.25, 1.5)  # of equally good ones the first is chosen
ADJUSTED = ("tau", "accuracy_adjusted", "macro_f1_adjusted", "log_loss_adjusted")


def adjusted(raw: np.ndarray, shares: np.ndarray, tau: float) -> np.ndarray:
    """Return softmax(logits − τ · ln shares), (n, 7) float64.

    Args:
        raw: (n, 7) probabilities.
        shares: (7,) share of each class among the training images; a class without an image stays as it is.
        tau: Strength τ.
    """
    weights = np.power(shares, -tau, out=np.ones(len(shares)), where=shares > 0)
    weighted = raw * weights
    return weighted / weighted.sum(axis=1, keepdims=True)


def choose_tau(truth: np.ndarray, raw: np.ndarray, shares: np.ndarray) -> float:
    """Return the τ of `TAUS` with the highest macro-F1.

    Args:
        truth: (n,) class indices of validation images.
        raw: (n, 7) their probabilities.
        shares: As in `adjusted`.
    """
    scores = [macro_f1(count_matrix(truth, adjusted(raw, shares, tau).argmax(axis=1))) for tau in TAUS]
    return TAUS[int(np.argmax(scores))]


def tau_of(predictions: pd.DataFrame, shares: np.ndarray) -> float | None:
    """Return τ of `contracts.predictions`, chosen on its validation images; None without any."""
    validation = predictions[predictions["subset"] == "validation"]
    if validation.empty:
        return None
    return choose_tau(label_indices(validation["label"].tolist()), probabilities(validation), shares)


def adjusted_rows(predictions: pd.DataFrame, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Return classes (n,) and adjusted probabilities (n, 7) of the test images, and τ."""
    tau, test = tau_of(predictions, shares), predictions[predictions["subset"] == "test"]
    raw = probabilities(test)
    return label_indices(test["label"].tolist()), raw if tau is None else adjusted(raw, shares, tau), tau


def evaluate_adjustment(by_seed: Sequence[Sequence[tuple[pd.DataFrame, np.ndarray]]]) -> Numbers:
    """Return `ADJUSTED` on the test images, means over seeds.

    Args:
        by_seed: For each seed the parts of its test set, each `contracts.predictions` with the class shares of its
            training images: one part, or one per fold. Each part has its own τ.
    """
    each: list[dict[str, Any]] = []
    for parts in by_seed:
        truth, raw, taus = zip(*(adjusted_rows(*part) for part in parts), strict=True)
        if None in taus:
            return all_undefined(ADJUSTED, "no validation image chooses tau")
        labels, changed = np.concatenate(truth), np.concatenate(raw)
        if not len(labels):
            return all_undefined(ADJUSTED, "the test set has no image")
        matrix = count_matrix(labels, changed.argmax(axis=1))
        numbers = (np.mean(taus), accuracy(matrix), macro_f1(matrix), log_losses(labels, changed).mean())
        each.append(dict(zip(ADJUSTED, map(float, numbers), strict=True)))
    return {name: float(np.mean([numbers[name] for numbers in each])) for name in ADJUSTED}
