"""Training curves with the unfreezing events, of one run and of all runs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lung_cxr.report.figures.panels import panel_grid
from lung_cxr.report.figures.style import FAINT, INK, NO_RUN, message_figure, styled
from lung_cxr.report.labels import BASELINE_COLOUR, STRATEGY_COLOURS
from lung_cxr.report.rows import Row, finished_runs, first_record, row_title

TRAINING_COLOUR = "#9a9a9a"
STAGE_EVENTS = {"unfreeze": "unfreezing", "retrain_head": "new head"}
EVENT_COLOUR = "#009E73"  # Okabe-Ito green
RATE_COLOUR = "#56B4E9"  # Okabe-Ito sky blue
DEPTH_COLOUR, DARKER_DEPTH = "#eef1f4", "#b9c4ce"  # behind other curves, and alone

Curves = Mapping[str, list[Any]]


@styled
def draw_curves(evaluations: Mapping[str, Any]) -> Figure:
    """Draw losses and unfrozen groups m, macro-F1 and learning rate of the first seed of every finished run."""
    finished = finished_runs(evaluations)
    if not finished:
        return message_figure(NO_RUN)
    figure, panels = panel_grid(evaluations, finished, width=4.6, height=3.3)
    for row, axes in panels:
        _small(figure, axes, row)
    _legend_once(figure, columns=3)
    return figure


@styled
def draw_run_curves(row: Row, height: float = 5.6) -> Figure:
    """Draw losses, macro-F1, m and learning rate of the first seed of a finished run; `height` in inches."""
    curves, strategy = row["curves"][0], row["strategy"]
    figure = Figure(figsize=(7.2, height), layout="constrained")
    losses, macro_f1, depth, rate = figure.subplots(4, 1, sharex=True, height_ratios=[3, 2, 1, 1])
    losses.set_title(row_title(row))
    _draw_losses(losses, curves, strategy)
    _draw_macro_f1(macro_f1, curves, strategy)
    _draw_depth(depth, curves, first_record(row)["layer_groups"], DARKER_DEPTH)
    _draw_learning_rate(rate, curves)
    for axes in (losses, macro_f1, depth, rate):
        _draw_events(axes, curves)
    depth.set_ylabel("m", fontsize=8)
    rate.set_ylabel("η", fontsize=8)
    rate.set_xlabel("epoch", fontsize=8)
    _end(losses, curves)
    _legend_once(figure, columns=3)
    return figure


def draw_all_run_curves(evaluations: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figure of each finished run by file name."""
    pictures = {f"{row['backbone']}_{row['strategy']}.png": draw_run_curves(row) for row in finished_runs(evaluations)}
    return pictures or {"none.png": message_figure(NO_RUN)}


def _small(figure: Figure, axes: Axes, row: Row) -> None:
    """Replace one panel by two: losses above, macro-F1 below."""
    curves, strategy, title = row["curves"][0], row["strategy"], axes.get_title(loc="left")
    place = axes.get_subplotspec()
    assert place is not None  # panels of a grid always have one
    axes.remove()
    grid = place.subgridspec(2, 1, height_ratios=[5, 3], hspace=0.0)
    upper, lower = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    upper.set_title(title)
    _draw_losses(upper, curves, strategy)
    _draw_depth(_behind(upper), curves, first_record(row)["layer_groups"])
    _draw_macro_f1(lower, curves, strategy)
    _draw_learning_rate(_behind(lower), curves)
    for each in (upper, lower):
        _draw_events(each, curves)
    upper.tick_params(labelbottom=False)
    lower.set_xlabel("epoch", fontsize=8)


def _end(axes: Axes, curves: Mapping[str, list[Any]]) -> None:
    """Write the stop reason above the last epoch."""
    if curves["event"] and curves["event"][-1].startswith("stop:"):
        reason = curves["event"][-1].removeprefix("stop:")
        axes.set_title(f"stop reason: {reason}", loc="right", fontsize=8, color=FAINT)


def _legend_once(figure: Figure, columns: int) -> None:
    """Draw one legend for all panels."""
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


def _draw_losses(axes: Axes, curves: Curves, strategy: str) -> None:
    """Draw training and validation loss and the best epoch, which is in the last stage if that has a new head."""
    epochs, validation = np.array(curves["epoch"]), np.array(curves["val_loss"], dtype=float)
    training = np.array(curves["train_loss"], dtype=float)
    axes.plot(epochs, training, color=TRAINING_COLOUR, linewidth=1.2, label="training loss")
    axes.plot(epochs, validation, color=_colour(strategy), linewidth=1.6, label=f"validation loss, {_legend(strategy)}")
    if np.isfinite(validation).any():
        new_heads = np.flatnonzero(np.array(curves["event"]) == "retrain_head")
        first = int(new_heads[-1]) + 1 if len(new_heads) else 0
        best = first + int(np.nanargmin(validation[first:]))
        axes.plot(epochs[best], validation[best], "o", color=INK, markersize=4.5, label="best epoch")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("loss", fontsize=8)


def _draw_macro_f1(axes: Axes, curves: Curves, strategy: str) -> None:
    """Draw macro-F1 on the validation images."""
    values = np.array(curves["val_macro_f1"], dtype=float)
    axes.plot(curves["epoch"], values, color=_colour(strategy), linewidth=1.4)
    axes.set_ylim(0, 1)
    axes.set_ylabel("macro-F1", fontsize=8)


def _draw_events(axes: Axes, curves: Curves) -> None:
    """Draw a line after each epoch that ended a stage, and set the axis of epochs."""
    epochs = np.array(curves["epoch"])
    for event, title in STAGE_EVENTS.items():
        for position, epoch in enumerate(epochs[np.array(curves["event"]) == event]):
            label = "_nolegend_" if position else title  # the legend has each label once
            axes.axvline(epoch + 0.5, color=EVENT_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label=label)
    axes.set_xlim(0.5, max(epochs, default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=8)


def _draw_depth(axes: Axes, curves: Curves, groups: int, colour: str = DEPTH_COLOUR) -> None:
    """Fill m, the number of unfrozen layer groups, over the epochs."""
    _steps(axes, curves, "unfrozen_groups", fill=True, color=colour, label="unfrozen groups m")
    axes.set_ylim(0, groups)
    axes.set_yticks(sorted({0, groups}), ["m = 0", f"m = L = {groups}"], fontsize=7.5, color=FAINT)


def _draw_learning_rate(axes: Axes, curves: Curves) -> None:
    """Draw the learning rate of each epoch; the axis marks the first and the last."""
    _steps(axes, curves, "learning_rate", fill=False, color=RATE_COLOUR, linewidth=1.2, label="learning rate")
    rates = curves["learning_rate"]
    marked = sorted({rates[0], rates[-1]}) if rates else []
    axes.set_ylim(0, 1.1 * max(rates, default=1))
    axes.set_yticks(marked, [f"{rate:.2g}" for rate in marked], fontsize=7.5, color=FAINT)


def _behind(axes: Axes) -> Axes:
    """Return further axes behind these, with their own scale on the right."""
    other = axes.twinx()
    other.set_zorder(1)
    other.tick_params(length=0)
    other.spines[:].set_visible(False)
    axes.set_zorder(2)
    axes.patch.set_visible(False)
    return other


def _steps(axes: Axes, curves: Curves, name: str, **look: Any) -> None:
    epochs = np.array(curves["epoch"])
    if epochs.size:
        axes.stairs(curves[name], [epochs[0] - 0.5, *(epochs + 0.5)], baseline=0 if look["fill"] else None, **look)


def _colour(strategy: str) -> str:
    return STRATEGY_COLOURS.get(strategy, BASELINE_COLOUR)


def _legend(strategy: str) -> str:
    return strategy if strategy in STRATEGY_COLOURS else "baseline"
