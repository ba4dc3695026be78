"""Predictions of the classifier and their metrics, after an epoch and after the run."""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.logit_adjustment import tau_of
from lung_cxr.evaluation.metrics import classification_metrics, count_matrix, macro_f1
from lung_cxr.training.data.feed import Images, InferenceFeed, SplitImages


class Validation(NamedTuple):
    """Validation metrics of an epoch."""

    loss: float
    accuracy: float
    macro_f1: float


def predict_logits(model: keras.Model, images: Images, rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Return (n, 7) float64 logits of the images in `rows`, without augmentation.

    The classifier itself is never compiled for training, so Keras traces its prediction once per run, not once per
    stage. The pipeline `predict` uses the same function for new images.
    """
    logits = model.predict(InferenceFeed(images, rows, batch_size), verbose=0)
    return np.asarray(logits, dtype=np.float64)[: len(rows)]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return ln p, (n, 7) float64, from logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def validate(logits: np.ndarray, labels: np.ndarray) -> Validation:
    """Return the unweighted cross-entropy (Eq. 5, nats), accuracy, and macro-F1 over the classes that occur.

    Args:
        logits: (n, 7) float64.
        labels: (n,) class indices.

    Returns:
        Three times NaN if a logit is not finite: the network has diverged.
    """
    if not np.isfinite(logits).all():
        return Validation(np.nan, np.nan, np.nan)
    chosen = log_softmax(logits)[np.arange(len(labels)), labels]
    predicted = logits.argmax(axis=1)
    return Validation(
        loss=float(-chosen.mean()),
        accuracy=float((predicted == labels).mean()),
        macro_f1=float(macro_f1(count_matrix(labels, predicted))),
    )


def tabulate_predictions(model: keras.Model, images: SplitImages, batch_size: int) -> pd.DataFrame:
    """Return `contracts.predictions` of the validation and test images."""
    rows = np.flatnonzero(images.split["subset"].isin(["validation", "test"]).to_numpy())
    logits = predict_logits(model, images, rows, batch_size)
    table = images.split.iloc[rows][["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    return table.assign(**dict(zip(PROBABILITY_COLUMNS, np.exp(log_softmax(logits)).T, strict=True)))


def tau_of_run(predictions: pd.DataFrame, images: SplitImages) -> dict[str, float | None]:
    """Return `logit_adjustment_tau` of a run, chosen on its validation images."""
    counts = np.bincount(images.labels_of("train"), minlength=len(PROBABILITY_COLUMNS))
    return {"logit_adjustment_tau": tau_of(predictions, counts / counts.sum())}


def metrics_by_subset(predictions: pd.DataFrame) -> dict[str, dict]:
    """Return all metrics of each subset."""
    return {
        str(subset): classification_metrics(
            list(rows["label"]), rows[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)
        )
        for subset, rows in predictions.groupby("subset", sort=False)
    }
