"""Predict stored images in batches and tabulate the probabilities."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from rich.progress import track

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.summary import listed
from lung_cxr.prediction.trained_run import TrainedRun
from lung_cxr.splitting.stored_images import read_stored
from lung_cxr.training.validation import log_softmax, predict_logits

log = logging.getLogger(__name__)


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


def tabulate_probabilities(
    seen: pd.DataFrame, model: keras.Model, run: TrainedRun, store: ImageStore, batch_size: int
) -> pd.DataFrame:
    """Predict the accepted images; rejected images keep their reasons and have no probabilities.

    Args:
        seen: Table as in `contracts.new_images_seen`.
        model: Model from uint8 (B, size, size, 1) to logits (B, 7), classes in the order of `DISEASES`.
        run: Run whose name and hash the table states.
        store: Store of the accepted images, named by file key.
        batch_size: Images per batch.

    Returns:
        Table as in `contracts.new_image_probabilities`.

    Raises:
        UnfitModelError: The model has another input or output shape, or returns non-finite numbers.
        FileNotFoundError: An accepted image is no longer in the store.
    """
    accepted = (seen["qc_status"] == "accepted").to_numpy()
    paths = [store.folder / store.path(key) for key in seen.loc[accepted, "file_key"]]
    if lost := sum(not path.is_file() for path in paths):
        raise FileNotFoundError(
            f"{lost} of {len(paths)} accepted images are no longer in the working store; they are deleted after a "
            "prediction. Run the whole pipeline: `kedro run --pipelines predict`"
        )
    probabilities = np.full((len(seen), len(DISEASES)), np.nan)
    probabilities[accepted] = _predict(model, StoredImages(paths, _input_size(model)), batch_size)
    predicted = np.full(len(seen), "", dtype=object)
    predicted[accepted] = np.array(DISEASES, dtype=object)[probabilities[accepted].argmax(axis=1)]
    _log_counts(seen)
    return seen[["file_key", "qc_status", "qc_reasons", "detail"]].assign(
        predicted=pd.Series(predicted, seen.index, dtype="str"),
        **dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True)),
        run=run.run,
        model_sha256=run.model_sha256,
        **{name: seen[name] for name in seen.columns[4:]},
    )


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


def _predict(model: keras.Model, images: StoredImages, batch_size: int) -> np.ndarray:
    """Return the (n, 7) float64 probabilities of all images, with a progress bar over batches."""
    every = np.arange(len(images.paths))
    batches = [every[start : start + batch_size] for start in range(0, len(every), batch_size)]
    tracked = track(batches, description="Probabilities", disable=not batches)
    logits = [np.empty((0, len(DISEASES))), *(predict_logits(model, images, rows, batch_size) for rows in tracked)]
    joined = np.concatenate(logits)
    if not np.isfinite(joined).all():
        raise UnfitModelError(
            "The model returns non-finite logits, so its training has diverged. Check its history.csv and set "
            "predict.run to another run"
        )
    return np.exp(log_softmax(joined))


def _log_counts(seen: pd.DataFrame) -> None:
    rejected = seen.loc[seen["qc_status"] == "rejected", "qc_reasons"].str.split(";").str[0]
    log.info("%d of %d files have a prediction", len(seen) - len(rejected), len(seen))
    if len(rejected):
        log.info("Rejected: %s", listed(Counter(rejected)))
