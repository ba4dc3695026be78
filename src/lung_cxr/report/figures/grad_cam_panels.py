"""Grad-CAM panels of the best run of each backbone by validation loss: one row of test images per class.

Each class shows its most confident errors and its most confident correct images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS, class_index
from lung_cxr.experiments import Run
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.heat_overlay import overlay
from lung_cxr.models.saved_model import ModelFileError, load_checked_model, sha256_of_file
from lung_cxr.report.comparable_seeds import RunResults
from lung_cxr.report.figures.style import FAINT, NO_RUN, message_figure, styled
from lung_cxr.report.labels import SHORT_DISEASES, run_title
from lung_cxr.report.numbers import percent
from lung_cxr.report.rows import best_by_validation_loss
from lung_cxr.splitting.stored_images import read_stored
from lung_cxr.training.run.file_names import MODEL

TURNED_OFF = "Turned off (reporting.grad_cam.images_per_class: 0)."
CORRECT, ERROR = "#007a58", "#c04a00"  # Okabe-Ito green and vermilion, darkened for text
SIDE = 1.55  # inches per image
COLOURS = 64  # of the colour bar


@dataclass(frozen=True)
class GradCamSources:
    """Folders and images of the panels.

    Attributes:
        models: Folder `06_models`.
        outputs: Folder `07_model_output`.
        images: Image store.
        permitted: Identifiers of the images that may be shown.
    """

    models: Path
    outputs: Path
    images: ImageStore
    permitted: set[str]


def draw_all_grad_cams(
    evaluations: Mapping[str, Any],
    results: Mapping[Run, Sequence[RunResults]],
    sources: GradCamSources,
    images_per_class: int,
) -> dict[str, Figure]:
    """Return the panels of every backbone with a finished run by file name, or one figure with the reason for none.

    Args:
        evaluations: Result of `evaluate_grid`.
        results: Every run of the grid → results of its seeds.
        sources: Folders and images of the panels.
        images_per_class: Most images per class and backbone, which limits the time; 0: no model is loaded.
    """
    if not images_per_class:
        return {"none.png": message_figure(TURNED_OFF)}
    best = best_by_validation_loss(evaluations, results)
    figures = {f"{backbone}.png": _panels_of(one, sources, images_per_class) for backbone, one in best.items()}
    return figures or {"none.png": message_figure(NO_RUN)}


def _panels_of(one: RunResults, sources: GradCamSources, images_per_class: int) -> Figure:
    record = one.record
    title = f"{run_title(Run(record['backbone'], record['strategy']))}, seed {record['seed']}"
    assert one.predictions is not None  # the run was evaluated
    here = {key for key in one.predictions["image_id"] if key in sources.permitted and sources.images.has(key)}
    shown = choose_images(one.predictions, here, images_per_class)
    model = sources.models / one.folder.relative_to(sources.outputs) / MODEL
    if shown.empty:
        return message_figure(f"{title}: no test image may be shown.")
    if not model.is_file():
        return message_figure(f"{title}: {MODEL} is missing.")
    from lung_cxr.models.grad_cam import NoFeatureMapError  # imports Keras only where a model is there

    pixels = _pixels(shown, sources.images, record["parameters"]["backbone"]["size"])
    try:
        heat, resolution = _heat(model, record.get("model_sha256"), pixels, shown)
    except ModelFileError:
        return message_figure(f"{title}: {MODEL} differs from the file that the run saved.")
    except NoFeatureMapError as error:
        return message_figure(f"{title}: {error}")
    return draw_grad_cam(f"{title}, map of {resolution} positions", shown, pixels, heat)


def _pixels(shown: pd.DataFrame, images: ImageStore, size: int) -> np.ndarray:
    """Return (n, size, size) uint8."""
    return np.stack([read_stored(images.folder / images.path(key), [size])[size] for key in shown["image_id"]])


def _heat(path: Path, sha256: str | None, pixels: np.ndarray, shown: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return the Grad-CAM map of the predicted class for each image, (n, size, size) float32, and its resolution."""
    from lung_cxr.models.grad_cam import class_evidence, heat_maps

    model = load_checked_model(path, sha256 or sha256_of_file(path))
    predicted = shown["predicted"].map(class_index).to_numpy(dtype=np.int64)
    evidence = class_evidence(model, pixels[..., None], predicted)
    return heat_maps(evidence, pixels.shape[1]), f"{evidence.shape[1]} × {evidence.shape[2]}"


def may_be_shown(image_manifest: pd.DataFrame) -> set[str]:
    """Return the identifiers of accepted images that were checked for burned-in text.

    Args:
        image_manifest: `contracts.image_manifest`.
    """
    checked = ~image_manifest["qc_reasons"].str.split(";").map(lambda codes: "not_looked_at" in codes).astype(bool)
    return set(image_manifest.loc[(image_manifest["qc_status"] == "accepted") & checked, "image_id"])


def choose_images(predictions: pd.DataFrame, permitted: set[str], images_per_class: int) -> pd.DataFrame:
    """Choose test images of every class: half errors, half correct, the most confident first.

    Where a class has too few images of one kind, images of the other kind replace them.

    Args:
        predictions: `contracts.predictions` of one run.
        permitted: Images that may be shown.
        images_per_class: Most images per class.

    Returns:
        `image_id, label, predicted, confidence` (0…1, of the predicted class) `, correct`; classes in the order of
        `DISEASES`, in each class errors before correct images.
    """
    test = predictions[(predictions["subset"] == "test") & predictions["image_id"].isin(permitted)]
    probabilities = test[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)
    predicted = np.array(DISEASES, dtype=object)[probabilities.argmax(axis=1)]
    rows = test[["image_id", "label"]].assign(predicted=predicted, confidence=probabilities.max(axis=1))
    rows = rows.assign(correct=rows["label"] == rows["predicted"])
    rows = rows.sort_values(["confidence", "image_id"], ascending=[False, True])
    chosen = [_most_confident(rows[rows["label"] == disease], images_per_class) for disease in DISEASES]
    return pd.concat(chosen, ignore_index=True)


def _most_confident(of_class: pd.DataFrame, most: int) -> pd.DataFrame:
    correct, errors = of_class[of_class["correct"]], of_class[~of_class["correct"]]
    shown = min(len(errors), max(most - len(correct), (most + 1) // 2))
    return pd.concat([errors.head(shown), correct.head(most - shown)])


@styled
def draw_grad_cam(title: str, shown: pd.DataFrame, pixels: np.ndarray, heat: np.ndarray) -> Figure:
    """Draw images with their Grad-CAM maps, one row per true class.

    Args:
        title: Title of the run.
        shown: Frame of `choose_images`.
        pixels: (n, size, size) uint8, 0 black.
        heat: (n, size, size) float in 0…1, Grad-CAM map of the predicted class.
    """
    groups = {disease: np.flatnonzero(shown["label"] == disease) for disease in DISEASES}
    across = max(map(len, groups.values()))
    figure = Figure(
        figsize=(SIDE * across + 1.6, (SIDE + 0.3) * len(groups) + 0.6), layout=ConstrainedLayoutEngine(h_pad=0.03)
    )
    figure.suptitle(
        f"{title}: Grad-CAM of the predicted class\n"
        "One row per true class. ✗ error, ✓ correct, with the predicted probability; most confident first",
        fontsize=8.5,
    )
    places = figure.subplots(len(groups), across, squeeze=False)
    for (disease, rows), line in zip(groups.items(), places, strict=True):
        for column, axes in enumerate(line):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if column < len(rows):
                _image(axes, shown.iloc[rows[column]], pixels[rows[column]], heat[rows[column]])
        line[0].set_ylabel(SHORT_DISEASES[disease], fontsize=8.5)
        if not len(rows):
            line[0].text(0.5, 0.5, "no test image", ha="center", va="center", color=FAINT, transform=line[0].transAxes)
    colours = overlay(np.full(COLOURS, 255), np.linspace(0, 1, COLOURS)) / 255
    bar = figure.colorbar(ScalarMappable(cmap=ListedColormap(colours)), ax=places, shrink=0.3, aspect=25, pad=0.01)
    bar.set_label("evidence for the predicted class, 1: strongest position of the image", fontsize=7.5)
    bar.ax.tick_params(labelsize=7)
    return figure


def _image(axes: Axes, row: pd.Series, pixels: np.ndarray, heat: np.ndarray) -> None:
    """Draw one image with its heat map."""
    axes.imshow(overlay(pixels, heat))
    mark, colour = ("✓", CORRECT) if row["correct"] else ("✗", ERROR)
    axes.set_title(
        f"{mark} {SHORT_DISEASES[row['predicted']]}, {percent(row['confidence'])}",
        fontsize=7.5,
        fontweight="normal",
        color=colour,
        pad=2,
    )
