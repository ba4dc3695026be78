"""Test images with what Grad-CAM saw in them: a row per class, mistakes before what was right."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lung_cxr.diseases import DISEASES
from lung_cxr.report.figures.style import FAINT, styled
from lung_cxr.report.labels import SHORT_DISEASES
from lung_cxr.report.numbers import percent

RIGHT, WRONG = "#007a58", "#c04a00"  # green and vermilion of Okabe-Ito, darkened to be read as text
SIDE = 1.55  # of an image, inches
HEAT = "#ff8c00"  # one hue: many would read as many findings
STRONGEST = 0.65  # opacity of the heat where it is strongest: the image stays visible below


@styled
def draw_grad_cam(title: str, shown: pd.DataFrame, pixels: np.ndarray, heat: np.ndarray) -> Figure:
    """Draw images in the order of their rows.

    Args:
        title: Of the run.
        shown: As `choose_images` returns it.
        pixels: (n, size, size) uint8, 0 black.
        heat: (n, size, size) float in 0…1, for the class that was predicted.
    """
    groups = {disease: np.flatnonzero(shown["label"] == disease) for disease in DISEASES}
    across = max(map(len, groups.values()))
    figure = Figure(
        figsize=(SIDE * across + 0.9, (SIDE + 0.3) * len(groups) + 0.6), layout=ConstrainedLayoutEngine(h_pad=0.03)
    )
    figure.suptitle(
        f"{title}: where test images looked like the class predicted (Grad-CAM)\n"
        "A row per true class. ✗ mistakes, ✓ right; the surest first, with their probability",
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
    return figure


def _image(axes: Axes, row: pd.Series, pixels: np.ndarray, heat: np.ndarray) -> None:
    """Lay the heat over the image."""
    axes.imshow(pixels, cmap="gray", vmin=0, vmax=255)
    axes.imshow(np.dstack([np.broadcast_to(to_rgb(HEAT), (*heat.shape, 3)), STRONGEST * heat]))
    mark, colour = ("✓", RIGHT) if row["right"] else ("✗", WRONG)
    axes.set_title(
        f"{mark} {SHORT_DISEASES[row['predicted']]}, {percent(row['confidence'])}",
        fontsize=7.5,
        fontweight="normal",
        color=colour,
        pad=2,
    )
