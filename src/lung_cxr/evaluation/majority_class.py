"""Majority-class baseline: the largest training class, predicted for every image."""

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS


def class_shares(train_labels: pd.Series) -> np.ndarray:
    """Return each class's share of the training images, (7,) float64."""
    if train_labels.empty:
        raise ValueError("the training subset has no images; run the splitting pipeline first")
    return train_labels.value_counts(normalize=True).reindex(DISEASES, fill_value=0.0).to_numpy(dtype=float)


def majority_predictions(split: pd.DataFrame) -> pd.DataFrame:
    """Return `contracts.predictions` of the majority class for the validation and test images.

    Every image gets the class shares of the training subset as probabilities. The most probable class is therefore the
    largest one, and the log loss is that of a model that knows only the shares.

    Args:
        split: `contracts.split`: image_id, patient_key, label, subset.
    """
    shares = class_shares(split.loc[split["subset"] == "train", "label"])
    predicted = split.loc[split["subset"] != "train", ["image_id", "patient_key", "subset", "label"]]
    return predicted.reset_index(drop=True).assign(**dict(zip(PROBABILITY_COLUMNS, shares, strict=True)))
