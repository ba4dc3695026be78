"""Multinomial logistic regression with an L2 penalty that is chosen on validation.

A fine-tuning strategy should be better: this model takes seconds, and its problem is convex.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import log_losses

MAX_ITERATIONS = 5000  # of the solver; scaled features need a few hundred
IMPOSSIBLE = (
    -1e4
)  # logit of a class without a training image: probability 0, and finite as the pipeline `predict` expects
CONSTANT = 1e-6  # features whose SD is below this share of the largest SD are not scaled


class Labelled(NamedTuple):
    """Features with their classes.

    Attributes:
        features: (N, d) float.
        truth: (N,) class indices.
        weights: (N,) weight of each row in the loss; None: 1.
    """

    features: np.ndarray
    truth: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True)
class LinearClassifier:
    """A fitted logistic regression.

    Attributes:
        fit: Model of scikit-learn on (features − shift) / scale; None: all training images are of the class `only`.
        shift, scale: One number, or one per feature.
        only: Index of the only class; None where there are several.
    """

    fit: LogisticRegression | None
    shift: np.ndarray | float = 0.0
    scale: np.ndarray | float = 1.0
    only: int | None = None

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return (n, 7) float64 class probabilities; 0 for a class without a training image."""
        probabilities = np.zeros((len(features), len(DISEASES)))
        if self.fit is None:
            probabilities[:, self.only] = 1.0
        else:
            probabilities[:, self.fit.classes_] = self.fit.predict_proba((features - self.shift) / self.scale)
        return probabilities

    def dense_weights(self, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return kernel (d, 7) and bias (7,) float32 of a dense layer that gives the logits of unscaled features.

        Args:
            width: d, number of features.
        """
        kernel, bias = np.zeros((width, len(DISEASES))), np.full(len(DISEASES), IMPOSSIBLE)
        if self.fit is None:
            bias[self.only] = 0.0
        else:
            coefficients, intercept = self.fit.coef_.astype(np.float64), self.fit.intercept_.astype(np.float64)
            if len(coefficients) == 1:  # two classes: scikit-learn stores the logit of the second one
                coefficients, intercept = np.vstack([0 * coefficients, coefficients]), np.array([0.0, intercept[0]])
            shift, scale = (np.broadcast_to(np.asarray(x, np.float64), (width,)) for x in (self.shift, self.scale))
            kernel[:, self.fit.classes_] = (coefficients / scale).T
            bias[self.fit.classes_] = intercept - (coefficients / scale) @ shift
        return kernel.astype(np.float32), bias.astype(np.float32)


def fit_linear_classifier(
    train: Labelled, validation: Labelled, inverse_penalties: Sequence[float], standardise: bool
) -> LinearClassifier:
    """Fit once per penalty; return the fit with the lowest log loss on validation.

    Args:
        train: Images to fit on.
        validation: Images that choose the penalty, as they choose the epoch of a strategy.
        inverse_penalties: Values of C to try (scikit-learn: 1 / strength of the L2 penalty, for features of unit SD).
        standardise: Whether each feature gets mean 0 and SD 1; False: all features are divided by one number, so that
            their relative scales, which carry information within one layer, stay.
    """
    classes = np.unique(train.truth)
    if len(classes) == 1:
        return LinearClassifier(None, only=int(classes[0]))
    shift, scale = _standardisation(train.features) if standardise else (0.0, train.features.std() or 1.0)
    scaled = (train.features - shift) / scale
    # One thread: the products are small, and on a busy machine threads wait longer than they compute.
    with threadpool_limits(1):
        fits = [
            LinearClassifier(
                LogisticRegression(C=c, max_iter=MAX_ITERATIONS).fit(scaled, train.truth, train.weights), shift, scale
            )
            for c in inverse_penalties
        ]
    losses = [log_losses(validation.truth, fit.probabilities(validation.features)).mean() for fit in fits]
    return fits[int(np.argmin(losses))]


def _standardisation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and SD of each feature; SD 1 of a constant one."""
    spread = features.std(axis=0)
    return features.mean(axis=0), np.where(spread > CONSTANT * spread.max(), spread, 1.0)
