"""Training curves with the unfreezing events drawn in: the picture of the method, one panel per run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lung_cxr.report.alike import judged_record
from lung_cxr.report.figure_style import FAINT, INK, NO_RUN, message_figure, styled
from lung_cxr.report.panels import panel_grid
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.titles import BASELINE_COLOUR, STRATEGY_COLOURS

TRAINING_COLOUR = "#9a9a9a"
EVENT_COLOUR = "#009E73"  # Okabe-Ito green


@styled
def draw_curves(evaluations: Mapping[str, Any]) -> Figure:
    """Draw losses and unfrozen groups m over the epochs of every finished run (its first seed)."""
    finished = finished_runs(evaluations)
    if not finished:
        return message_figure(NO_RUN)
    figure, panels = panel_grid(evaluations, finished, width=4.6, height=2.7)
    for row, axes in panels:
        _panel(axes, row["curves"][0], judged_record(row)["layer_groups"], row["strategy"])
    labelled = [zip(*axes.get_legend_handles_labels(), strict=True) for axes in figure.axes]
    handles = {label: handle for pairs in labelled for handle, label in pairs}  # each once
    figure.legend(
        handles=list(handles.values()),
        loc="outside upper left",
        ncols=3,
        fontsize=8,
        handlelength=1.6,
        columnspacing=1.2,
    )
    return figure


def _panel(axes: Axes, curves: Mapping[str, list[Any]], groups: int, strategy: str) -> None:
    """Draw one run: training and validation loss, the best epoch, m of L as a background, unfreezings as lines."""
    colour, validation = STRATEGY_COLOURS.get(strategy, BASELINE_COLOUR), _legend(strategy)
    epochs = np.array(curves["epoch"])
    losses = {name: np.array(curves[name], dtype=float) for name in ("train_loss", "val_loss")}
    _depth(axes, epochs, np.array(curves["unfrozen_groups"]), groups, "unfrozen groups m")
    axes.plot(epochs, losses["train_loss"], color=TRAINING_COLOUR, linewidth=1.2, label="training loss")
    axes.plot(epochs, losses["val_loss"], color=colour, linewidth=1.6, label=validation)
    unfreezings = epochs[np.array(curves["event"]) == "unfreeze"]
    for position, epoch in enumerate(unfreezings):
        text = "unfreezing" if position == 0 else "_nolegend_"
        axes.axvline(epoch + 0.5, color=EVENT_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label=text)
    if np.isfinite(losses["val_loss"]).any():
        best = int(np.nanargmin(losses["val_loss"]))
        axes.plot(epochs[best], losses["val_loss"][best], "o", color=INK, markersize=4.5, label="best epoch")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0.5, max(epochs, default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=8)
    axes.set_ylabel("loss", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.set_zorder(2)  # lines above the background, which is drawn on the twin axes
    axes.patch.set_visible(False)


def _legend(strategy: str) -> str:
    return f"validation loss, {strategy if strategy in STRATEGY_COLOURS else 'another strategy'}"


def _depth(axes: Axes, epochs: np.ndarray, unfrozen: np.ndarray, groups: int, label: str) -> None:
    """Fill, behind the losses, the share of layer groups that are trainable in each epoch."""
    depth = axes.twinx()
    depth.set_zorder(1)
    if epochs.size:
        depth.stairs(unfrozen, [epochs[0] - 0.5, *(epochs + 0.5)], fill=True, color="#eef1f4", label=label)
    depth.set_ylim(0, groups)
    depth.set_yticks(sorted({0, groups}), ["m = 0", f"m = L = {groups}"], fontsize=7.5, color=FAINT)
    depth.tick_params(length=0)
    depth.spines[:].set_visible(False)
