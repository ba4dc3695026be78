"""Fig. 5 of the paper for every finished run: normalised confusion matrix."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import normalised_by_truth
from lung_cxr.report.figures.panels import panel_grid
from lung_cxr.report.figures.style import FAINT, NO_RUN, message_figure, styled
from lung_cxr.report.labels import SHORT_DISEASES
from lung_cxr.report.numbers import share
from lung_cxr.report.rows import finished_runs

DARK = 0.55  # larger shares are written in white


@styled
def draw_confusion(evaluations: Mapping[str, Any]) -> Figure:
    """Draw the normalised confusion matrix of every finished run: a row per backbone, a column per strategy."""
    finished = finished_runs(evaluations)
    if not finished:
        return message_figure(NO_RUN)
    figure, panels = panel_grid(evaluations, finished, width=4.3, height=3.7)
    for row, axes in panels:
        _matrix(axes, np.array(row["confusion"]), len(row["seeds"]))
    return figure


def _matrix(axes: Axes, counts: np.ndarray, seeds: int) -> None:
    """Draw one (7, 7) matrix of counts as shares of each true class."""
    shares = normalised_by_truth(counts)
    axes.imshow(np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1)
    for (true, predicted), value in np.ndenumerate(shares):
        if np.isnan(value):
            axes.text(predicted, true, "·", ha="center", va="center", color=FAINT)
        elif value > 0:
            colour = "white" if value > DARK else "#1d2b3a"
            axes.text(predicted, true, share(value), ha="center", va="center", color=colour, fontsize=7.5)
    images = counts.sum(axis=1) // seeds
    truths = [f"{SHORT_DISEASES[name]} ({count})" for name, count in zip(DISEASES, images, strict=True)]
    axes.set_yticks(range(len(DISEASES)), truths, fontsize=7.5)
    axes.set_xticks(range(len(DISEASES)), list(SHORT_DISEASES.values()), rotation=40, ha="right", fontsize=7.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("true (test images)", fontsize=8)
    axes.set_xlabel("predicted", fontsize=8)
