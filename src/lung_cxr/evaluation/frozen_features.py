"""What a backbone is worth without any fine-tuning: a logistic regression on its frozen features.

No strategy may lose to it: it takes seconds, and its problem is convex. Its penalty is chosen on the validation images,
as the strategies choose their epoch.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.metrics import label_indices, log_losses

MOST_ITERATIONS = 5000  # of the solver; scaled features need a few hundred


def frozen_feature_predictions(
    features: np.ndarray, split: pd.DataFrame, inverse_penalties: Sequence[float]
) -> pd.DataFrame:
    """Fit on the training images; return predictions of all others, in the form of a run's predictions.

    Args:
        features: (N, d) float, the backbone's pooled output for every image, in split order.
        split: `contracts.split`, N rows.
        inverse_penalties: Values of C to try (scikit-learn's: 1 / strength of the L2 penalty, for features of unit SD);
            the lowest loss on the validation images decides.

    Raises:
        ValueError: The rows do not match, or there are no training or no validation images.
    """
    if len(features) != len(split):
        raise ValueError(f"features have {len(features)} rows; expected {len(split)}: one per row of the split")
    truth, subset = label_indices(split["label"].tolist()), split["subset"].to_numpy()
    train, validation, judged = subset == "train", subset == "validation", subset != "train"
    if not train.any() or not validation.any():
        raise ValueError("a logistic regression needs training and validation images; run the splitting pipeline first")
    probabilities = logistic_regression(
        (features[train], truth[train]), (features[validation], truth[validation]), features[judged], inverse_penalties
    )
    rows = split.loc[judged, ["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    return rows.assign(**dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True)))


def logistic_regression(
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    features: np.ndarray,
    inverse_penalties: Sequence[float],
) -> np.ndarray:
    """Return the class probabilities of `features`, (n, 7) float64; 0 for a class without a training image.

    Args:
        train: Features (N, d) and class indices (N,) to fit on.
        validation: The same, by whose log loss the penalty is chosen.
        features: (n, d), what to predict.
        inverse_penalties: Values of C to try.
    """
    scale = train[0].std() or 1.0  # one number: the features' own scales are the backbone's knowledge
    with threadpool_limits(
        1
    ):  # small products: on a busy machine, threads wait for each other longer than they compute
        fits = [
            LogisticRegression(C=c, max_iter=MOST_ITERATIONS).fit(train[0] / scale, train[1]) for c in inverse_penalties
        ]
    losses = [log_losses(validation[1], _probabilities(fit, validation[0] / scale)).mean() for fit in fits]
    return _probabilities(fits[int(np.argmin(losses))], features / scale)


def _probabilities(fit: LogisticRegression, features: np.ndarray) -> np.ndarray:
    probabilities = np.zeros((len(features), len(DISEASES)))
    probabilities[:, fit.classes_] = fit.predict_proba(features)
    return probabilities
