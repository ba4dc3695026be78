"""What a backbone's frozen features are worth without fine-tuning: predictions that every strategy is measured against.

They depend on the backbone and the data, not on the strategy: whichever run of a backbone comes first leaves them.
"""

import json
import logging
from pathlib import Path

import keras
import numpy as np

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.locks import wait_lock
from lung_cxr.models.classifier import Classifier
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.feed import InferenceFeed, SplitImages
from lung_cxr.training.frozen.split_point import FrozenPrefix, frozen_split_points
from lung_cxr.training.run.file_names import FROZEN_FEATURE_PREDICTIONS, IDENTITY, LOGISTIC_REGRESSION

log = logging.getLogger(__name__)


def leave_yardstick(
    outputs: Path, classifier: Classifier, images: SplitImages, data: dict[str, str], training: TrainingParameters
) -> None:
    """Fit a logistic regression on the pooled features, unless it was done on the same features and data.

    Args:
        outputs: `07_model_output/<backbone>`.
        classifier: With its initial weights; all its groups are frozen here.
        images: Pixels and split.
        data: `split_sha256` and `pixel_sha256`.
        training: Batch size and penalties.
    """
    unfreeze_groups(classifier, 0)
    prefix = FrozenPrefix(classifier, frozen_split_points(classifier)[-1])
    penalties = training.logistic_regression.inverse_penalties
    identity = {**data, "features_sha256": prefix.sha256(), "inverse_penalties": penalties}
    folder = outputs / LOGISTIC_REGRESSION
    with wait_lock(folder, "Logistic regression on frozen features"):
        if _stored(folder / IDENTITY) == identity and (folder / FROZEN_FEATURE_PREDICTIONS).exists():
            return
        log.info("Fitting a logistic regression on the frozen features of %d images", len(images.split))
        predictions = frozen_feature_predictions(
            pooled_features(prefix, images, training.batch_size), images.split, penalties
        )
        with atomic_write(folder / FROZEN_FEATURE_PREDICTIONS) as unfinished:
            predictions.to_parquet(unfinished, index=False)
        with atomic_write(folder / IDENTITY) as unfinished:
            unfinished.write_text(json.dumps(identity, indent=2) + "\n")


def pooled_features(prefix: FrozenPrefix, images: SplitImages, batch_size: int) -> np.ndarray:
    """Return (N, d) float32 features of all images as they are, in split order."""
    feed = InferenceFeed(images, np.arange(len(images.split)), batch_size)
    features = prefix.of_images.predict(feed, verbose=0)[: len(images.split)]
    return np.asarray(keras.ops.convert_to_numpy(features), dtype=np.float32).reshape(len(images.split), -1)


def _stored(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
