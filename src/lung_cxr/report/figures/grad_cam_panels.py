"""Where the best run of each backbone saw what it said: its Grad-CAM maps, a panel per class."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lung_cxr.diseases import class_index
from lung_cxr.experiments import Run
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.saved_model import ModelFileError, load_checked_model, sha256_of_file
from lung_cxr.report.comparable_seeds import RunResults
from lung_cxr.report.figures.grad_cam_figure import draw_grad_cam
from lung_cxr.report.figures.shown_images import choose_images
from lung_cxr.report.figures.style import NO_RUN, message_figure
from lung_cxr.report.labels import run_title
from lung_cxr.report.sentences import finished_runs
from lung_cxr.splitting.stored_images import read_stored
from lung_cxr.training.run.file_names import MODEL

TURNED_OFF = "Turned off (reporting.grad_cam.images_per_class: 0)."


@dataclass(frozen=True)
class Places:
    """Where images and models are.

    Attributes:
        models, outputs: `06_models`, `07_model_output`.
        images: The stored images.
        permitted: Those that may be shown.
    """

    models: Path
    outputs: Path
    images: ImageStore
    permitted: set[str]


def draw_all_grad_cams(
    evaluations: Mapping[str, Any],
    results: Mapping[Run, Sequence[RunResults]],
    places: Places,
    images_per_class: int,
) -> dict[str, Figure]:
    """Return the panels of every backbone that has a finished run, by file name; where there are none, why.

    Args:
        evaluations: What `evaluate_grid` returned.
        results: Every run of the grid → its seeds.
        places: Where images and models are.
        images_per_class: Of each class and backbone, which bounds what this costs; 0: no model is loaded.
    """
    if not images_per_class:
        return {"none.png": message_figure(TURNED_OFF)}
    best = best_runs(evaluations, results)
    figures = {f"{backbone}.png": _panels_of(one, places, images_per_class) for backbone, one in best.items()}
    return figures or {"none.png": message_figure(NO_RUN)}


def best_runs(evaluations: Mapping[str, Any], results: Mapping[Run, Sequence[RunResults]]) -> dict[str, RunResults]:
    """Return of each backbone the judged run with the lowest validation loss: the test set has no say in it."""
    judged = {(row["backbone"], row["strategy"]): row["seeds"] for row in finished_runs(evaluations)}
    best: dict[str, RunResults] = {}
    for run, seeds in results.items():
        for one in seeds:
            if one.record["seed"] not in judged.get(run, ()):
                continue
            if run.backbone not in best or _validation_loss(one) < _validation_loss(best[run.backbone]):
                best[run.backbone] = one
    return best


def _validation_loss(one: RunResults) -> float:
    loss = one.record.get("best_val_loss")
    return math.inf if loss is None else loss


def _panels_of(one: RunResults, places: Places, images_per_class: int) -> Figure:
    record = one.record
    title = f"{run_title(Run(record['backbone'], record['strategy']))}, seed {record['seed']}"
    assert one.predictions is not None  # it was judged by them
    here = {key for key in one.predictions["image_id"] if key in places.permitted and places.images.has(key)}
    shown = choose_images(one.predictions, here, images_per_class)
    model = places.models / one.folder.relative_to(places.outputs) / MODEL
    if shown.empty:
        return message_figure(f"{title}: no test image that may be shown.")
    if not model.is_file():
        return message_figure(f"{title}: its {MODEL} is not here.")
    from lung_cxr.models.grad_cam import NoFeatureMapError  # a report without models waits for no Keras

    pixels = _pixels(shown, places.images, record["parameters"]["backbone"]["size"])
    try:
        heat = _heat(model, record.get("model_sha256"), pixels, shown)
    except ModelFileError:
        return message_figure(f"{title}: {MODEL} is not the file that the run wrote.")
    except NoFeatureMapError as error:
        return message_figure(f"{title}: {error}")
    return draw_grad_cam(title, shown, pixels, heat)


def _pixels(shown: pd.DataFrame, images: ImageStore, size: int) -> np.ndarray:
    """Return (n, size, size) uint8."""
    return np.stack([read_stored(images.folder / images.path(key), [size])[size] for key in shown["image_id"]])


def _heat(path: Path, sha256: str | None, pixels: np.ndarray, shown: pd.DataFrame) -> np.ndarray:
    """Return (n, size, size) float32: where each image looks like the class that was predicted."""
    from lung_cxr.models.grad_cam import class_evidence, heat_maps

    model = load_checked_model(path, sha256 or sha256_of_file(path))
    predicted = shown["predicted"].map(class_index).to_numpy(dtype=np.int64)
    return heat_maps(class_evidence(model, pixels[..., None], predicted), pixels.shape[1])
