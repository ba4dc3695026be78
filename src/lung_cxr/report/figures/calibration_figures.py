"""Reliability diagrams before and after temperature scaling, and accuracy over the abstention rate."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from lung_cxr.report.figures.style import FAINT, INK, message_figure, styled
from lung_cxr.report.labels import BASELINE_COLOUR, STRATEGY_COLOURS, backbone_title
from lung_cxr.report.rows import finished_runs, row_title

ACROSS = 4  # panels per row
NOTHING = "No run has finished, or there are no validation images for calibration."
LARGEST_DOT = 60  # square points, for a bin with all images


@styled
def draw_reliability(evaluations: Mapping[str, Any]) -> Figure:
    """Draw accuracy against confidence for every finished run, before and after scaling; dot area is bin size."""
    runs = _calibrated(evaluations)
    if not runs:
        return message_figure(NOTHING)
    figure, places = panels(len(runs), height=2.3)
    for row, axes in zip(runs, places, strict=True):
        axes.set_title(row_title(row), fontsize=8.5)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
        after_colour = STRATEGY_COLOURS.get(row["strategy"], BASELINE_COLOUR)
        for name, colour, style in (("before", FAINT, ":"), ("after", after_colour, "-")):
            _reliability(axes, row["certainty"][name]["reliability"], colour, style, name)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
    axis_titles(figure, "confidence", "accuracy")
    return figure


@styled
def draw_abstention(evaluations: Mapping[str, Any]) -> Figure:
    """Draw the accuracy of the other images over the abstention rate; one panel per backbone."""
    runs = _calibrated(evaluations)
    if not runs:
        return message_figure(NOTHING)
    backbones = list(dict.fromkeys(row["backbone"] for row in runs))
    figure, places = panels(len(backbones), height=2.3)
    lowest = min(min(row["certainty"]["curve"]["accuracy"]) for row in runs)
    for backbone, axes in zip(backbones, places, strict=True):
        axes.set_title(backbone_title(backbone), fontsize=8.5)
        axes.axhline(evaluations["target_accuracy"], color=INK, linewidth=0.8, linestyle=(0, (5, 3)), label="target")
        for row in runs:
            if row["backbone"] == backbone:
                _curve(axes, row["certainty"], row["strategy"])
        axes.set_xlim(0, 1)
        axes.set_ylim(max(0, lowest - 0.05), 1.02)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis_titles(figure, "abstention rate", "accuracy of the rest")
    return figure


def _calibrated(evaluations: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in finished_runs(evaluations) if "reason" not in row["certainty"]]


def panels(count: int, height: float, width: float = 2.25) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels of this size in inches, up to four per row."""
    across = min(count, ACROSS)
    down = -(-count // across)
    size = (max(width * across, 3.6) + 0.3, height * down + 0.5)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.08))
    places = figure.subplots(down, across, squeeze=False).ravel()
    for axes in places[count:]:
        axes.remove()
    for axes in places[:count]:
        axes.tick_params(labelsize=7.5)
        axes.grid(linewidth=0.5)
    return figure, list(places[:count])


def axis_titles(figure: Figure, x: str, y: str) -> None:
    """Write axis titles and legend once for all panels."""
    figure.supxlabel(x, fontsize=8.5)
    figure.supylabel(y, fontsize=8.5)
    labelled = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in reversed(labelled)}
    figure.legend(handles=list(reversed(handles.values())), loc="outside upper left", ncols=4, fontsize=8)


def _reliability(axes: Axes, bins: list[Mapping[str, float]], colour: str, style: str, label: str) -> None:
    images, confidence, accuracy = (
        np.array([one[name] for one in bins]) for name in ("images", "confidence", "accuracy")
    )
    axes.plot(confidence, accuracy, style, color=colour, linewidth=1.2, label=f"{label} scaling")
    axes.scatter(confidence, accuracy, s=LARGEST_DOT * images / images.sum(), color=colour, linewidths=0)


def _curve(axes: Axes, certainty: Mapping[str, Any], strategy: str) -> None:
    colour, curve = STRATEGY_COLOURS.get(strategy, BASELINE_COLOUR), certainty["curve"]
    axes.plot(1 - np.array(curve["coverage"]), curve["accuracy"], color=colour, linewidth=1.3, label=_legend(strategy))
    chosen = certainty["abstention"]
    if chosen["accuracy"] is not None:
        axes.plot(chosen["abstained"], chosen["accuracy"], "o", color=colour, markersize=5, markeredgecolor=INK)


def _legend(strategy: str) -> str:
    return strategy if strategy in STRATEGY_COLOURS else "baseline"
