"""What no model may lose to: the largest training class, predicted for every image."""

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS


def class_shares(train_labels: pd.Series) -> np.ndarray:
    """Return each class's share of the training images, (7,) float64."""
    if train_labels.empty:
        raise ValueError("the training subset has no images; run the splitting pipeline first")
    return train_labels.value_counts(normalize=True).reindex(DISEASES, fill_value=0.0).to_numpy(dtype=float)


def majority_predictions(split: pd.DataFrame) -> pd.DataFrame:
    """Return predictions of the majority class, in the form of a run's predictions.

    Every image gets the class shares of the training subset as probabilities: the most probable class is the largest
    one, and the log loss is that of knowing the shares and nothing else.

    Args:
        split: `contracts.split`: image_id, patient_key, label, subset.
    """
    shares = class_shares(split.loc[split["subset"] == "train", "label"])
    judged = split.loc[split["subset"] != "train", ["image_id", "patient_key", "subset", "label"]]
    return judged.reset_index(drop=True).assign(**dict(zip(PROBABILITY_COLUMNS, shares, strict=True)))
