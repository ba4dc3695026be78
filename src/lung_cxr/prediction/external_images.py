"""Predict the accepted images of a catalogue with runs that were trained on another one."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.decision_rule import Rule
from lung_cxr.evaluation.feature_distance import distances
from lung_cxr.evaluation.feature_shift import NAMES, UNLIKE, Features, feature_shift, unlike_training
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.undefined import Numbers, all_undefined
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.prediction.trained_run import Predictor
from lung_cxr.splitting.pixels import grow_pixel_arrays, open_pixels

NO_PIXELS = "the images of the training site are not in the folder `training_site`"
NO_POOLING = "the model has no pooled features"
NO_REFERENCES = "the decision rule has no training features"

log = logging.getLogger(__name__)


class EvaluatedRun(Protocol):
    """A trained run, or a bundle in its place.

    Attributes:
        run: Folder of the run below 06_models of the training site.
        size: Side of the model's input in pixels.
    """

    @property
    def run(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102

    def predictor(self) -> Predictor:
        """Return the function that predicts images."""

    def rule(self, settings: DecisionRuleParameters) -> Rule:
        """Return the decision rule."""

    def references(self) -> np.ndarray | None:
        """Return the training features of the rule's distance, or None."""


@dataclass(frozen=True)
class ArrayImages:
    """Images of one pixel array: (n, size, size) uint8."""

    pixels: np.ndarray

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`."""
        return self.pixels[rows][..., None]


@dataclass(frozen=True)
class TrainingImages:
    """Pixel arrays of the training site, for the comparison of features.

    Attributes:
        split: `contracts.split`, in the order of the arrays; None: unknown.
        folder: Folder of the arrays.
        tested: Run → `image_id` of its internal test set.
        reason: Reason why the images are not known, if they are not.
    """

    split: pd.DataFrame | None
    folder: Path
    tested: Mapping[str, pd.Series]
    reason: str = NO_PIXELS

    def rows_of(self, run: str, size: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the pixel array of a size and the rows of a run's test images; None where they are not stored."""
        if self.split is None or run not in self.tested or not (self.folder / f"pixels_{size}.npy").is_file():
            return None
        pixels, images = open_pixels(self.folder, size), self.tested[run]
        rows = np.flatnonzero(self.split["image_id"].isin(images).to_numpy())
        return (pixels, rows) if len(pixels) == len(self.split) and len(rows) == len(images) else None


def accepted_images(manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the accepted images of a manifest, sorted by `image_id`.

    Raises:
        ValueError: No image is accepted.
    """
    accepted = manifest[manifest["qc_status"] == "accepted"].sort_values("image_id", ignore_index=True)
    if accepted.empty:
        raise ValueError(
            f"The image manifest holds {len(manifest)} images, none of them accepted; expected at least one. See the "
            "reasons in rejected_images.parquet, then run ingestion again"
        )
    return accepted


def predict_external(
    images: pd.DataFrame,
    image_folder: Path,
    workplace: Path,
    runs: Sequence[EvaluatedRun],
    training: TrainingImages,
    rule_settings: DecisionRuleParameters,
    batch_size: int,
    workers: int,
    **bootstrap: Any,
) -> tuple[pd.DataFrame, dict[str, Numbers]]:
    """Predict images with several runs; each image is decoded once.

    Args:
        images: Result of `accepted_images`.
        image_folder: Folder of the image store.
        workplace: Folder for the pixel arrays, which are deleted afterwards.
        runs: The trained runs, or a bundle.
        training: Images of the training site.
        rule_settings: Targets of the decision rules.
        batch_size: Images per batch.
        workers: Threads that decode; -1: all cores.
        bootstrap: `n_resamples`, `confidence` and `seed` of the feature shift.

    Returns:
        `contracts.external_predictions`, and run → `feature_shift` between the run's test images and these images, and
        `unlike_training` of these images.
    """
    sizes = [run.size for run in runs]
    pixels = workplace / "pixels"
    pixels.mkdir(parents=True, exist_ok=True)
    try:
        as_split = images[["image_id", "patient_key", "label"]].assign(subset="test")
        grow_pixel_arrays(as_split, images, image_folder, pixels, sizes=sizes, workers=workers)
        found = {
            run.run: _predict_run(
                run, images, open_pixels(pixels, run.size), training, rule_settings, batch_size, **bootstrap
            )
            for run in runs
        }
    finally:
        shutil.rmtree(pixels, ignore_errors=True)
    frames = pd.concat([frame for frame, _ in found.values()], ignore_index=True)
    return frames, {run: shift for run, (_, shift) in found.items()}


def _predict_run(
    run: EvaluatedRun,
    images: pd.DataFrame,
    pixels: np.ndarray,
    training: TrainingImages,
    rule_settings: DecisionRuleParameters,
    batch_size: int,
    **bootstrap: Any,
) -> tuple[pd.DataFrame, Numbers]:
    """Return the predictions of one run, its feature shift, and the images unlike its training."""
    log.info("%s predicts %s images", run.run, f"{len(images):,}")
    predict = run.predictor()
    probabilities, features = predict(ArrayImages(pixels), np.arange(len(images)), batch_size)
    frame = images[["image_id", "patient_key", "label"]].copy()
    frame.insert(0, "run", run.run)
    frame[list(PROBABILITY_COLUMNS)] = probabilities
    frame["distance"] = np.nan
    if features is None:
        return frame, all_undefined([*NAMES, *UNLIKE], NO_POOLING)
    shift = all_undefined(NAMES, training.reason)
    if (known := training.rows_of(run.run, pixels.shape[1])) is not None:
        own_pixels, rows = known
        _, own = predict(ArrayImages(own_pixels), rows, batch_size)
        assert training.split is not None  # its rows are known
        assert own is not None  # of the same model as `features`
        shift = feature_shift(_features(own, training.split.iloc[rows]), _features(features, frame), **bootstrap)
    rule, references = run.rule(rule_settings), run.references()
    if not rule.get("distance") or references is None:
        return frame, shift | all_undefined(UNLIKE, NO_REFERENCES)
    frame["distance"] = distances(features, references)
    return frame, shift | unlike_training(frame["distance"], rule["distance"], frame["patient_key"], **bootstrap)


def _features(values: np.ndarray, frame: pd.DataFrame) -> Features:
    labels = label_indices(frame["label"].tolist())
    return Features(values, labels, frame["patient_key"].to_numpy(dtype=str))
