"""Logistic regression on frozen features: the reference model that every strategy of a backbone is compared with.

It depends on the backbone and the data, not on a strategy. Its grid point is `<backbone>.logistic_regression`.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.open_stage import image_features
from lung_cxr.training.frozen.split_point import FrozenPrefix, frozen_split_points
from lung_cxr.training.run.file_names import FAILURE, FROZEN_FEATURE_PREDICTIONS, IDENTITY_FILE, PREDICTIONS, RECORD
from lung_cxr.training.run.record import RunRecord, failure_of
from lung_cxr.training.runs import adapt_random_weights

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReferenceModel:
    """The logistic regression of one backbone on one split.

    Attributes:
        backbone: Architecture, input size and weights.
        training: Batch size, penalties, precision; the first seed initialises random weights.
        images: Pixels and split.
        data_hashes: `split_sha256` and `pixel_sha256`.
        feature_folder: Folder in which all runs of the backbone share the features of frozen layers.
    """

    backbone: BackboneParameters
    training: TrainingParameters
    images: SplitImages
    data_hashes: dict[str, str]
    feature_folder: Path

    @property
    def title(self) -> str:
        """Name of the model in the log."""
        return f"{self.backbone.architecture}, logistic regression"

    @property
    def seed(self) -> int:
        """Seed of random weights."""
        return self.training.seeds[0]


def fit_logistic_regression(model: ReferenceModel, folder: Path) -> Iterator[pd.DataFrame]:
    """Fit on the pooled features of the frozen backbone, unless an up-to-date fit exists.

    An error does not stop the command: its reason is written to `failure.json`, and runs of the backbone still train.
    The identity is written when the caller asks for the next result, that is, after it stored this one.

    Args:
        model: Backbone, settings and data.
        folder: `07_model_output/<backbone>/logistic_regression`.

    Yields:
        `contracts.predictions` of the validation and test images, at most once.
    """
    try:
        fitted = _fit(model, _read(folder / IDENTITY_FILE) if (folder / FROZEN_FEATURE_PREDICTIONS).exists() else {})
    except Exception as error:
        log.error("%s failed", model.title, exc_info=True)
        _write(folder / FAILURE, {"failure": failure_of(error)})
        return
    if fitted is not None:
        predictions, identity = fitted
        yield predictions
        _write(folder / IDENTITY_FILE, identity)
    (folder / FAILURE).unlink(missing_ok=True)


def fit_run(model: ReferenceModel, folder: Path) -> Iterator[RunRecord]:
    """Fit as `fit_logistic_regression`, but write predictions and yield a record as a run of a strategy does.

    Args:
        model: Backbone, settings and data.
        folder: Folder of the run, without `seed_<s>`.

    Yields:
        The record, finished or failed; nothing if an up-to-date one exists.
    """
    place = folder / f"seed_{model.seed}"
    named = {"backbone": model.backbone.architecture, "strategy": "logistic_regression", "seed": model.seed}
    try:
        fitted = _fit(model, _read(place / RECORD) if (place / PREDICTIONS).exists() else {})
    except Exception as error:
        log.error("%s failed", model.title, exc_info=True)
        yield {**named, "status": "failed", "failure": failure_of(error)}
        return
    if fitted is not None:
        predictions, identity = fitted
        with atomic_write(place / PREDICTIONS) as unfinished:
            predictions.to_parquet(unfinished, index=False)
        yield {**named, "status": "finished", **identity}


def _fit(model: ReferenceModel, stored: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """Return predictions and the identity of the fit, or None if the stored identity or record is of the same fit."""
    training, images = model.training, model.images
    penalties = training.logistic_regression.inverse_penalties
    with fresh_keras(training.precision, model.seed):
        classifier = build_classifier(model.backbone, dropout=training.dropout, head=training.head, seed=model.seed)
        adapt_random_weights(classifier, images, model.seed)
        unfreeze_groups(classifier, 0)
        prefix = FrozenPrefix(classifier, frozen_split_points(classifier)[-1])
        identity = {**model.data_hashes, "features_sha256": prefix.sha256(), "inverse_penalties": penalties}
        if identity.items() <= stored.items() and stored.get("status") != "failed" and not training.force:
            log.info("%s: up to date", model.title)
            return None
        log.info("%s: fitting on the features of %d images", model.title, len(images.split))
        folder = FeatureFolder(model.feature_folder, model.data_hashes["pixel_sha256"], training.frozen_prefix)
        features = image_features(images, prefix, folder, training.batch_size).astype(np.float32)
    return frozen_feature_predictions(features.reshape(len(features), -1), images.split, penalties), identity


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file's content; {} if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}


def _write(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
