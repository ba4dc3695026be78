"""Fit the decision rule of a trained model, with the distances of its pooled features."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lung_cxr.evaluation.decision_rule import fit_decision_rule, training_shares
from lung_cxr.evaluation.feature_distance import choose_references, describe_distances, distances
from lung_cxr.models.pooled_features import with_pooled_features
from lung_cxr.models.saved_model import load_checked_model, sha256_of_file
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.feed import InferenceFeed, SplitImages
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.rule_file import stored_rule, write_rule

log = logging.getLogger(__name__)


def fit_rule(
    folder: Path,
    model: keras.Model,
    images: SplitImages,
    predictions: pd.DataFrame,
    record: Mapping[str, Any],
    training: TrainingParameters,
) -> None:
    """Fit the decision rule on the validation images and write its files.

    Args:
        folder: Folder of the run in `06_models`.
        model: The trained model.
        images: Pixels and split.
        predictions: `contracts.predictions` of the model.
        record: Its `parameters`, `training_images` and `effective_class_weights`.
        training: Batch size, and the targets of the rule.
    """
    train = images.rows("train")
    rows = {"train": train[choose_references(images.labels[train])], "validation": images.rows("validation")}
    features = pooled_features(model, images, np.concatenate(list(rows.values())), training.batch_size)
    distance, references = None, None
    if features is not None and np.isfinite(features).all():
        references = features[: len(rows["train"])].astype(np.float16)
        distance = describe_distances(distances(features[len(references) :], references))
    shares = training_shares(record)
    rule = fit_decision_rule(predictions, training.decision_rule, shares, distance, images.quality)
    write_rule(folder, rule, references)


def complete_rule(folders: RunFolders, images: SplitImages, training: TrainingParameters) -> None:
    """Fit the rule of a finished run again if it is missing or has other settings; add QC metrics that it lacks.

    Args:
        folders: Folders of the run.
        images: Pixels and split that the run was trained on.
        training: Batch size, and the targets of the rule.
    """
    stored = stored_rule(folders.model.parent)
    if stored is not None and stored["settings"] == training.decision_rule.model_dump(mode="json"):
        if stored.get("quality") is None and images.quality is not None:
            write_rule(folders.model.parent, stored | {"quality": images.quality}, None)
        return
    log.info("Fitting the decision rule, which is missing or has other targets")
    record, predictions = folders.stored_record(), pd.read_parquet(folders.predictions)
    model = load_checked_model(folders.model, record.get("model_sha256") or sha256_of_file(folders.model))
    fit_rule(folders.model.parent, model, images, predictions, record, training)


def pooled_features(model: keras.Model, images: SplitImages, rows: np.ndarray, batch_size: int) -> np.ndarray | None:
    """Return (n, c) float32 pooled features of the images in `rows`; None for a model of another head."""
    extended = with_pooled_features(model)
    if extended is None:
        return None
    _, features = extended.predict(InferenceFeed(images, rows, batch_size), verbose=0)
    return np.asarray(features, dtype=np.float32)[: len(rows)]
