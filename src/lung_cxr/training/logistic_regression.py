"""Logistic regression on frozen features: the reference model that every strategy of a backbone is compared with.

It depends on the backbone and the data, not on a strategy. Its grid point is `<backbone>.logistic_regression`.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import InferenceFeed, SplitImages
from lung_cxr.training.frozen.split_point import FrozenPrefix, frozen_split_points
from lung_cxr.training.run.file_names import FAILURE, FROZEN_FEATURE_PREDICTIONS, IDENTITY_FILE
from lung_cxr.training.run.record import failure_of
from lung_cxr.training.runs import adapt_random_weights, fresh_keras

log = logging.getLogger(__name__)


def fit_logistic_regression(
    backbone: BackboneParameters,
    training: TrainingParameters,
    images: SplitImages,
    data_hashes: dict[str, str],
    folder: Path,
) -> Iterator[pd.DataFrame]:
    """Fit on the pooled features of the frozen backbone, unless an up-to-date fit exists.

    An error does not stop the command: its reason is written to `failure.json`, and runs of the backbone still train.
    The identity is written when the caller asks for the next result, that is, after it stored this one.

    Args:
        backbone: Architecture, input size and weights.
        training: Batch size, penalties, precision; the first seed initialises random weights.
        images: Pixels and split.
        data_hashes: `split_sha256` and `pixel_sha256`.
        folder: `07_model_output/<backbone>/logistic_regression`.

    Yields:
        `contracts.predictions` of the validation and test images, at most once.
    """
    title = f"{backbone.architecture}, logistic regression"
    try:
        fitted = _fit(backbone, training, images, data_hashes, _stored(folder), title)
    except Exception as error:
        log.error("%s failed", title, exc_info=True)
        _write_json(folder / FAILURE, {"failure": failure_of(error)})
        return
    if fitted is not None:
        predictions, identity = fitted
        yield predictions
        _write_json(folder / IDENTITY_FILE, identity)
    (folder / FAILURE).unlink(missing_ok=True)


def _fit(
    backbone: BackboneParameters,
    training: TrainingParameters,
    images: SplitImages,
    data_hashes: dict[str, str],
    stored: dict[str, Any] | None,
    title: str,
) -> tuple[pd.DataFrame, dict[str, Any]] | None:
    """Return predictions and the identity of the fit, or None if the stored identity is the same."""
    seed, penalties = training.seeds[0], training.logistic_regression.inverse_penalties
    with fresh_keras(training.precision, seed):
        classifier = build_classifier(backbone, dropout=training.dropout, head=training.head, seed=seed)
        adapt_random_weights(classifier, images, seed)
        unfreeze_groups(classifier, 0)
        prefix = FrozenPrefix(classifier, frozen_split_points(classifier)[-1])
        identity = {**data_hashes, "features_sha256": prefix.sha256(), "inverse_penalties": penalties}
        if stored == identity and not training.force:
            log.info("%s: up to date", title)
            return None
        log.info("%s: computing the features of %d images", title, len(images.split))
        features = pooled_features(prefix, images, training.batch_size)
    return frozen_feature_predictions(features, images.split, penalties), identity


def pooled_features(prefix: FrozenPrefix, images: SplitImages, batch_size: int) -> np.ndarray:
    """Return (N, d) float32 features of all images without augmentation, in split order."""
    feed = InferenceFeed(images, np.arange(len(images.split)), batch_size)
    features = prefix.of_images.predict(feed, verbose=0)[: len(images.split)]
    return np.asarray(keras.ops.convert_to_numpy(features), dtype=np.float32).reshape(len(images.split), -1)


def _stored(folder: Path) -> dict[str, Any] | None:
    """Return the identity of the stored predictions; None if there are none."""
    try:
        return (
            json.loads((folder / IDENTITY_FILE).read_text()) if (folder / FROZEN_FEATURE_PREDICTIONS).exists() else None
        )
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
