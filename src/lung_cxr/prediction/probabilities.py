"""Images of the working store through a model, in batches, to the table that people read."""

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
    """The model cannot predict: it is none of ours, or it has diverged."""


@dataclass(frozen=True)
class StoredImages:
    """Images of a store at the size that a model takes, decoded when a batch asks for them.

    Attributes:
        paths: Square 8-bit grey PNGs.
        size: Side, pixels.
    """

    paths: Sequence[Path]
    size: int

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`; a row that comes twice is decoded once."""
        distinct, places = np.unique(rows, return_inverse=True)
        decoded = [read_stored(self.paths[row], [self.size])[self.size] for row in distinct]
        return np.stack(decoded)[places][..., None]


def tabulate_probabilities(
    seen: pd.DataFrame, model: keras.Model, run: TrainedRun, store: ImageStore, batch_size: int
) -> pd.DataFrame:
    """Predict what was accepted; what was rejected keeps its reasons and has no probability.

    Args:
        seen: `contracts.new_images_seen`.
        model: uint8 (B, size, size, 1) → logits (B, 7), classes as in `DISEASES`.
        run: What the table says of the model.
        store: Holds the accepted images, by file key.
        batch_size: Images at a time.

    Returns:
        As `contracts.new_image_probabilities`.

    Raises:
        UnfitModelError: The model takes or gives something else, or numbers that are not finite.
        FileNotFoundError: An accepted image is not in the store any more.
    """
    accepted = (seen["qc_status"] == "accepted").to_numpy()
    paths = [store.folder / store.path(key) for key in seen.loc[accepted, "file_key"]]
    if lost := sum(not path.is_file() for path in paths):
        raise FileNotFoundError(
            f"{lost} of {len(paths)} accepted images are not in the working store, where they stay only until a model "
            "has seen them. Run the whole pipeline: `kedro run --pipelines predict`"
        )
    probabilities = np.full((len(seen), len(DISEASES)), np.nan)
    probabilities[accepted] = _predict(model, StoredImages(paths, _input_size(model)), batch_size)
    predicted = np.full(len(seen), "", dtype=object)
    predicted[accepted] = np.array(DISEASES, dtype=object)[probabilities[accepted].argmax(axis=1)]
    _say_what_came_of_it(seen)
    return seen[["file_key", "qc_status", "qc_reasons", "detail"]].assign(
        predicted=pd.Series(predicted, seen.index, dtype="str"),
        **dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True)),
        run=run.run,
        model_sha256=run.model_sha256,
        **{name: seen[name] for name in seen.columns[4:]},
    )


def _input_size(model: keras.Model) -> int:
    """The side of the images that a model takes, pixels."""
    found = (model.input_shape, model.output_shape)
    size = found[0][1] if len(found[0]) == 4 else None
    if size is None or found != ((None, size, size, 1), (None, len(DISEASES))):
        raise UnfitModelError(
            f"The model takes {found[0]} and gives {found[1]}; expected square grey images (None, size, size, 1) and "
            f"(None, {len(DISEASES)}) logits. Give the folder of a run of this project in predict.run"
        )
    return size


def _predict(model: keras.Model, images: StoredImages, batch_size: int) -> np.ndarray:
    """Return the (n, 7) float64 probabilities of all images, with a bar that moves on at every batch."""
    every = np.arange(len(images.paths))
    batches = [every[start : start + batch_size] for start in range(0, len(every), batch_size)]
    shown = track(batches, description="Probabilities", disable=not batches)
    logits = [np.empty((0, len(DISEASES))), *(predict_logits(model, images, rows, batch_size) for rows in shown)]
    together = np.concatenate(logits)
    if not np.isfinite(together).all():
        raise UnfitModelError(
            "The model gives numbers that are not finite, for images that could be read: it has diverged. Look at its "
            "history.csv, and name another run in predict.run"
        )
    return np.exp(log_softmax(together))


def _say_what_came_of_it(seen: pd.DataFrame) -> None:
    rejected = seen.loc[seen["qc_status"] == "rejected", "qc_reasons"].str.split(";").str[0]
    log.info("%d of %d files have probabilities", len(seen) - len(rejected), len(seen))
    if len(rejected):
        log.info("Without: %s", listed(Counter(rejected)))
