"""Control charts of a run: every watched quantity over its batches, with expected value and control limits."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lung_cxr.contracts import WATCHED
from lung_cxr.report.figures.style import FAINT, INK, styled
from lung_cxr.report.monitoring.titles import title_of
from lung_cxr.report.refresh.figures import ACCEPTED as INSIDE
from lung_cxr.report.refresh.figures import REJECTED as OUTSIDE

COLUMNS = 4
PANEL_HEIGHT = 1.65  # inches
BAND = "#e8eef3"
DATES = 3  # most dates on an axis


@styled
def draw_control_charts(batches: pd.DataFrame) -> Figure:
    """Draw the quantities that are known of any batch, in percent.

    Args:
        batches: `contracts.watched_batches` of one run, oldest first, at least one row.
    """
    known = [name for name in WATCHED if batches[name].notna().any()]
    rows = max(1, math.ceil(len(known) / COLUMNS))
    height = PANEL_HEIGHT * rows + 0.3
    figure = Figure(figsize=(2.95 * COLUMNS, height))  # a constrained layout takes seconds over so many axes
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    figure.subplots_adjust(left=0.035, right=0.99, bottom=0.28 / height, top=1 - 0.62 / height, wspace=0.2, hspace=0.62)
    for axes, name in zip(panels, known, strict=False):
        _chart(axes, batches, name)
    for axes in panels[len(known) :]:
        axes.set_axis_off()
    labelled = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in labelled}
    figure.legend(list(handles.values()), list(handles), loc="upper left", ncols=4, fontsize=8, handlelength=1.6)
    return figure


def _chart(axes: Axes, batches: pd.DataFrame, name: str) -> None:
    """Draw one quantity; a batch without limits has a hollow point."""
    places = np.arange(len(batches))
    value, expected, low, high = (
        100 * batches[f"{name}{part}"].to_numpy() for part in ("", "_expected", "_low", "_high")
    )
    for place in places[np.isfinite(low)]:
        edges = [place - 0.5, place + 0.5]
        axes.fill_between(edges, low[place], high[place], color=BAND, linewidth=0, label="control limits")
        axes.plot(edges, [expected[place]] * 2, color=FAINT, linewidth=1, label="training reference")
    is_outside, is_judged = (value < low) | (value > high), np.isfinite(value) & np.isfinite(low)
    axes.plot(places, value, color=INK, linewidth=0.7, zorder=2)
    for chosen, colour, size, label in (
        (is_judged & ~is_outside, INSIDE, 14, "inside"),
        (is_outside, OUTSIDE, 30, "outside"),
    ):
        if chosen.any():
            axes.scatter(places[chosen], value[chosen], s=size, color=colour, zorder=3, label=label)
    free = np.isfinite(value) & ~is_judged
    axes.scatter(places[free], value[free], s=14, facecolor="white", edgecolor=INK, linewidth=0.8, zorder=3)
    axes.set_title(title_of(name), fontsize=8)
    axes.set_xlim(-0.6, len(batches) - 0.4)
    dated = np.unique(np.linspace(0, len(batches) - 1, min(DATES, len(batches))).round().astype(int))
    axes.set_xticks(dated, [f"{time:%Y-%m-%d}" for time in batches["time"].iloc[dated]])
    if len(batches) > DATES:  # else the ends have room for half a date
        for tick, side in zip(axes.get_xticklabels(), ("left", *["center"] * (DATES - 2), "right"), strict=True):
            tick.set(horizontalalignment=side)
    axes.tick_params(labelsize=7)
    axes.locator_params(axis="y", nbins=4)
    axes.grid(axis="y")
