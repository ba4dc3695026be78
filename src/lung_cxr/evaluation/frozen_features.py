"""Logistic regression on the frozen features of a backbone: a reference model without fine-tuning.

A fine-tuning strategy should be better: this model takes seconds, and its problem is convex. Its penalty is chosen on
the validation images, as the strategies choose their epoch.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.metrics import label_indices, log_losses

MAX_ITERATIONS = 5000  # of the solver; scaled features need a few hundred

Labelled = tuple[np.ndarray, np.ndarray]  # features (N, d) and class indices (N,)


def frozen_feature_predictions(
    features: np.ndarray, split: pd.DataFrame, inverse_penalties: Sequence[float]
) -> pd.DataFrame:
    """Fit on the training images; return `contracts.predictions` of all other images.

    Args:
        features: (N, d) float, the backbone's pooled output for every image, in split order.
        split: `contracts.split`, N rows.
        inverse_penalties: Values of C to try (scikit-learn: 1 / strength of the L2 penalty, for features of unit SD);
            the lowest log loss on the validation images decides.

    Raises:
        ValueError: The number of rows differs, or there are no training or no validation images.
    """
    if len(features) != len(split):
        raise ValueError(f"features have {len(features)} rows; expected {len(split)}: one per row of the split")
    truth, subset = label_indices(split["label"].tolist()), split["subset"].to_numpy()
    train, validation, predicted = subset == "train", subset == "validation", subset != "train"
    if not train.any() or not validation.any():
        raise ValueError("a logistic regression needs training and validation images; run the splitting pipeline first")
    probabilities = logistic_regression(
        (features[train], truth[train]),
        (features[validation], truth[validation]),
        features[predicted],
        inverse_penalties,
    )
    rows = split.loc[predicted, ["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    return rows.assign(**dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True)))


def logistic_regression(
    train: Labelled, validation: Labelled, features: np.ndarray, inverse_penalties: Sequence[float]
) -> np.ndarray:
    """Return class probabilities (n, 7) float64; 0 for a class without a training image.

    Args:
        train: Images to fit on. If they are all of one class, this class gets probability 1.
        validation: Images that choose the penalty by their log loss.
        features: (n, d) images to predict.
        inverse_penalties: Values of C to try.
    """
    classes = np.unique(train[1])
    if len(classes) == 1:
        return np.tile(np.eye(len(DISEASES))[classes], (len(features), 1))
    scale = train[0].std() or 1.0  # one number: the relative scales of the features carry information
    # One thread: the products are small, and on a busy machine threads wait longer than they compute.
    with threadpool_limits(1):
        fits = [
            LogisticRegression(C=c, max_iter=MAX_ITERATIONS).fit(train[0] / scale, train[1]) for c in inverse_penalties
        ]
    losses = [log_losses(validation[1], _probabilities(fit, validation[0] / scale)).mean() for fit in fits]
    return _probabilities(fits[int(np.argmin(losses))], features / scale)


def _probabilities(fit: LogisticRegression, features: np.ndarray) -> np.ndarray:
    probabilities = np.zeros((len(features), len(DISEASES)))
    probabilities[:, fit.classes_] = fit.predict_proba(features)
    return probabilities
