"""Predict stored images in batches: probabilities and distances to the training images."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.feature_distance import distances
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.pooled_features import with_pooled_features
from lung_cxr.progress import follow
from lung_cxr.splitting.stored_images import read_stored
from lung_cxr.training.data.feed import Images, InferenceFeed
from lung_cxr.training.validation import log_softmax


class UnfitModelError(ValueError):
    """The model cannot predict: wrong input or output shape, or non-finite logits."""


@dataclass(frozen=True)
class StoredImages:
    """Stored images at the model's input size, decoded batch by batch.

    Attributes:
        paths: Square 8-bit grey PNGs.
        size: Side of the model's input in pixels.
    """

    paths: Sequence[Path]
    size: int

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`; repeated rows are decoded once."""
        distinct, places = np.unique(rows, return_inverse=True)
        decoded = [read_stored(self.paths[row], [self.size])[self.size] for row in distinct]
        return np.stack(decoded)[places][..., None]


def stored_images(seen: pd.DataFrame, store: ImageStore, model: keras.Model) -> StoredImages:
    """Return the accepted images at the model's input size.

    Args:
        seen: Table as in `contracts.new_images_seen`.
        store: Store of the accepted images, named by file key.
        model: Model from uint8 (B, size, size, 1) to logits (B, 7), classes in the order of `DISEASES`.

    Raises:
        UnfitModelError: The model has another input or output shape.
        FileNotFoundError: An accepted image is no longer in the store.
    """
    paths = [store.folder / store.path(key) for key in seen.loc[seen["qc_status"] == "accepted", "file_key"]]
    if lost := sum(not path.is_file() for path in paths):
        raise FileNotFoundError(
            f"{lost} of {len(paths)} accepted images are no longer in the working store; they are deleted after a "
            "prediction. Run the whole pipeline: `kedro run --pipelines predict`"
        )
    return StoredImages(paths, _input_size(model))


def _input_size(model: keras.Model) -> int:
    """Return the side of the model's input in pixels."""
    shapes = (model.input_shape, model.output_shape)
    size = shapes[0][1] if len(shapes[0]) == 4 else None
    if size is None or shapes != ((None, size, size, 1), (None, len(DISEASES))):
        raise UnfitModelError(
            f"The model has input shape {shapes[0]} and output shape {shapes[1]}; expected square grey images "
            f"(None, size, size, 1) and logits (None, {len(DISEASES)}). Set predict.run to a run of this project"
        )
    return size


def predict_images(
    model: keras.Model, images: StoredImages, references: np.ndarray | None, batch_size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return probabilities (n, 7) and feature distances (n,) of all images, float64; a progress bar counts batches.

    Args:
        model: Model of `stored_images`.
        images: The n images.
        references: (m, d) pooled features of training images; None: distances are None.
        batch_size: Images per batch.

    Raises:
        UnfitModelError: The model returns non-finite numbers.
    """
    probabilities, features = probabilities_and_features(model, images, np.arange(len(images.paths)), batch_size)
    if features is None or references is None:
        return probabilities, None
    return probabilities, distances(features, references)


def probabilities_and_features(
    model: keras.Model, images: Images, rows: np.ndarray, batch_size: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return probabilities (n, 7) and pooled features (n, d) of images, float64; None for features without a pooling.

    Args:
        model: Model from uint8 (B, size, size, 1) to logits (B, 7).
        images: Source of the images.
        rows: (n,) rows of the images.
        batch_size: Images per batch.

    Raises:
        UnfitModelError: The model returns non-finite numbers.
    """
    extended = with_pooled_features(model)
    batches = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    outputs = [
        _outputs(extended or model, InferenceFeed(images, batch, batch_size), len(batch))
        for batch in follow(batches, "Probabilities", len(batches))
    ]
    logits = np.concatenate([np.empty((0, len(DISEASES))), *(one[0] for one in outputs)])
    if not np.isfinite(logits).all():
        raise UnfitModelError(
            "The model returns non-finite logits, so its training has diverged. Check its history.csv and choose "
            "another run"
        )
    probabilities = np.exp(log_softmax(logits))
    if extended is None:
        return probabilities, None
    return probabilities, np.concatenate([np.empty((0, extended.output_shape[1][1])), *(one[1] for one in outputs)])


def _outputs(model: keras.Model, feed: InferenceFeed, images: int) -> list[np.ndarray]:
    """Return each output of the model, (images, …) float64."""
    outputs = model.predict(feed, verbose=0)
    return [np.asarray(one, dtype=np.float64)[:images] for one in (outputs if isinstance(outputs, list) else [outputs])]
