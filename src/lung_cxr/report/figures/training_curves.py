"""Training curves with the unfreezing events drawn in: the picture of the method, of one run and of all."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lung_cxr.experiments import Run
from lung_cxr.report.comparable_seeds import judged_record
from lung_cxr.report.figures.curve_parts import (
    DARKER_DEPTH,
    behind,
    draw_depth,
    draw_events,
    draw_learning_rate,
    draw_losses,
    draw_macro_f1,
)
from lung_cxr.report.figures.panels import panel_grid
from lung_cxr.report.figures.style import FAINT, NO_RUN, message_figure, styled
from lung_cxr.report.labels import run_title
from lung_cxr.report.sentences import finished_runs


@styled
def draw_curves(evaluations: Mapping[str, Any]) -> Figure:
    """Draw every finished run (its first seed): losses before unfrozen groups m, macro-F1 before the learning rate."""
    finished = finished_runs(evaluations)
    if not finished:
        return message_figure(NO_RUN)
    figure, panels = panel_grid(evaluations, finished, width=4.6, height=3.3)
    for row, axes in panels:
        _small(figure, axes, row)
    _legend_once(figure, columns=3)
    return figure


@styled
def draw_run_curves(row: Mapping[str, Any]) -> Figure:
    """Draw one finished run (its first seed): losses, macro-F1, m and the learning rate below one another.

    Args:
        row: A finished row of `evaluate_grid`.
    """
    curves, strategy = row["curves"][0], row["strategy"]
    figure = Figure(figsize=(7.2, 5.6), layout="constrained")
    losses, macro_f1, depth, rate = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2, 1, 1])
    losses.set_title(run_title(Run(row["backbone"], strategy)))
    draw_losses(losses, curves, strategy)
    draw_macro_f1(macro_f1, curves, strategy)
    draw_depth(depth, curves, judged_record(row)["layer_groups"], DARKER_DEPTH)
    draw_learning_rate(rate, curves)
    for axes in (losses, macro_f1, depth, rate):
        draw_events(axes, curves)
    depth.set_ylabel("m", fontsize=8)
    rate.set_ylabel("η", fontsize=8)
    rate.set_xlabel("epoch", fontsize=8)
    _end(losses, curves)
    _legend_once(figure, columns=3)
    return figure


def draw_all_run_curves(evaluations: Mapping[str, Any]) -> dict[str, Figure]:
    """Return a picture per finished run, by file name."""
    pictures = {f"{row['backbone']}_{row['strategy']}.png": draw_run_curves(row) for row in finished_runs(evaluations)}
    return pictures or {"none.png": message_figure(NO_RUN)}


def _small(figure: Figure, axes: Axes, row: Mapping[str, Any]) -> None:
    """Put two curves in the place of one panel."""
    curves, strategy, title = row["curves"][0], row["strategy"], axes.get_title(loc="left")
    place = axes.get_subplotspec()
    assert place is not None  # every panel of a grid has one
    axes.remove()
    grid = place.subgridspec(2, 1, height_ratios=[5, 3], hspace=0.0)
    upper, lower = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    upper.set_title(title)
    draw_losses(upper, curves, strategy)
    draw_depth(behind(upper), curves, judged_record(row)["layer_groups"])
    draw_macro_f1(lower, curves, strategy)
    draw_learning_rate(behind(lower), curves)
    for each in (upper, lower):
        draw_events(each, curves)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("epoch", fontsize=8)


def _end(axes: Axes, curves: Mapping[str, list[Any]]) -> None:
    """Write above the last epoch why the run ended."""
    if curves["event"] and curves["event"][-1].startswith("stop:"):
        reason = curves["event"][-1].removeprefix("stop:")
        axes.set_title(f"ended by {reason}", loc="right", fontsize=8, color=FAINT)


def _legend_once(figure: Figure, columns: int) -> None:
    """Explain each label once, above all panels."""
    labelled = [pair for axes in figure.axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in labelled}
    figure.legend(
        handles=list(handles.values()),
        loc="outside upper left",
        ncols=columns,
        fontsize=8,
        handlelength=1.6,
        columnspacing=1.2,
    )
