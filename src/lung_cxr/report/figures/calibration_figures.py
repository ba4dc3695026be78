"""Reliability before and after temperature scaling, and accuracy against the share of images left to people."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import PercentFormatter

from lung_cxr.experiments import Run
from lung_cxr.report.figures.style import FAINT, INK, message_figure, styled
from lung_cxr.report.labels import BASELINE_COLOUR, STRATEGY_COLOURS, backbone_title, run_title
from lung_cxr.report.sentences import finished_runs

ACROSS = 4  # panels a row
NOTHING = "No run has finished, or there are no validation images to calibrate by."
LARGEST_DOT = 60  # square points, of a bin that holds every image


@styled
def draw_reliability(evaluations: Mapping[str, Any]) -> Figure:
    """Draw accuracy against confidence for every finished run, before and after scaling; dots grow with their bins."""
    runs = _judged(evaluations)
    if not runs:
        return message_figure(NOTHING)
    figure, places = _panels(len(runs), height=2.3)
    for row, axes in zip(runs, places, strict=True):
        axes.set_title(run_title(Run(row["backbone"], row["strategy"])), fontsize=8.5)
        axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
        after_colour = STRATEGY_COLOURS.get(row["strategy"], BASELINE_COLOUR)
        for name, colour, style in (("before", FAINT, ":"), ("after", after_colour, "-")):
            _reliability(axes, row["certainty"][name]["reliability"], colour, style, name)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.set_aspect("equal")
    _axis_titles(figure, "confidence", "accuracy")
    return figure


@styled
def draw_abstention(evaluations: Mapping[str, Any]) -> Figure:
    """Draw the accuracy of the answered images against the share left to people; a panel per backbone."""
    runs = _judged(evaluations)
    if not runs:
        return message_figure(NOTHING)
    backbones = list(dict.fromkeys(row["backbone"] for row in runs))
    figure, places = _panels(len(backbones), height=2.3)
    lowest = min(min(row["certainty"]["curve"]["accuracy"]) for row in runs)
    for backbone, axes in zip(backbones, places, strict=True):
        axes.set_title(backbone_title(backbone), fontsize=8.5)
        axes.axhline(evaluations["target_accuracy"], color=INK, linewidth=0.8, linestyle=(0, (5, 3)), label="wanted")
        for row in runs:
            if row["backbone"] == backbone:
                _curve(axes, row["certainty"], row["strategy"])
        axes.set_xlim(0, 1)
        axes.set_ylim(max(0, lowest - 0.05), 1.02)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
    _axis_titles(figure, "left to people", "accuracy of the rest")
    return figure


def _judged(evaluations: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in finished_runs(evaluations) if "reason" not in row["certainty"]]


def _panels(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with as many panels, up to four a row."""
    across = min(count, ACROSS)
    down = -(-count // across)
    size = (max(2.25 * across, 3.6) + 0.3, height * down + 0.5)
    figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(h_pad=0.08))
    places = figure.subplots(down, across, squeeze=False).ravel()
    for axes in places[count:]:
        axes.remove()
    for axes in places[:count]:
        axes.tick_params(labelsize=7.5)
        axes.grid(linewidth=0.5)
    return figure, list(places[:count])


def _axis_titles(figure: Figure, x: str, y: str) -> None:
    """Write the titles once, and every label of a legend once."""
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
    return strategy if strategy in STRATEGY_COLOURS else "another strategy"
