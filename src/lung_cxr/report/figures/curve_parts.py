"""What pictures of a training run are put together from: one curve each, over the same epochs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lung_cxr.report.figures.style import FAINT, INK
from lung_cxr.report.labels import BASELINE_COLOUR, STRATEGY_COLOURS

TRAINING_COLOUR = "#9a9a9a"
EVENT_COLOUR = "#009E73"  # Okabe-Ito green
RATE_COLOUR = "#56B4E9"  # Okabe-Ito sky blue
DEPTH_COLOUR, DARKER_DEPTH = "#eef1f4", "#b9c4ce"  # behind other curves, and by itself

Curves = Mapping[str, list[Any]]


def draw_losses(axes: Axes, curves: Curves, strategy: str) -> None:
    """Draw training and validation loss and the best epoch."""
    epochs, validation = np.array(curves["epoch"]), np.array(curves["val_loss"], dtype=float)
    training = np.array(curves["train_loss"], dtype=float)
    axes.plot(epochs, training, color=TRAINING_COLOUR, linewidth=1.2, label="training loss")
    axes.plot(epochs, validation, color=_colour(strategy), linewidth=1.6, label=f"validation loss, {_legend(strategy)}")
    if np.isfinite(validation).any():
        best = int(np.nanargmin(validation))
        axes.plot(epochs[best], validation[best], "o", color=INK, markersize=4.5, label="best epoch")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("loss", fontsize=8)


def draw_macro_f1(axes: Axes, curves: Curves, strategy: str) -> None:
    """Draw macro-F1 on the validation images."""
    values = np.array(curves["val_macro_f1"], dtype=float)
    axes.plot(curves["epoch"], values, color=_colour(strategy), linewidth=1.4)
    axes.set_ylim(0, 1)
    axes.set_ylabel("macro-F1", fontsize=8)


def draw_events(axes: Axes, curves: Curves) -> None:
    """Draw a line after each epoch whose end unfroze layer groups, and set the epochs' axis."""
    epochs = np.array(curves["epoch"])
    for position, epoch in enumerate(epochs[np.array(curves["event"]) == "unfreeze"]):
        label = "_nolegend_" if position else "unfreezing"  # once in the legend
        axes.axvline(epoch + 0.5, color=EVENT_COLOUR, linewidth=1, linestyle=(0, (4, 2)), label=label)
    axes.set_xlim(0.5, max(epochs, default=1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.tick_params(labelsize=8)


def draw_depth(axes: Axes, curves: Curves, groups: int, colour: str = DEPTH_COLOUR) -> None:
    """Fill the layer groups m that train in each epoch, of L."""
    _steps(axes, curves, "unfrozen_groups", fill=True, color=colour, label="unfrozen groups m")
    axes.set_ylim(0, groups)
    axes.set_yticks(sorted({0, groups}), ["m = 0", f"m = L = {groups}"], fontsize=7.5, color=FAINT)


def draw_learning_rate(axes: Axes, curves: Curves) -> None:
    """Draw the learning rate in force in each epoch; marked on the axis are the first and the last."""
    _steps(axes, curves, "learning_rate", fill=False, color=RATE_COLOUR, linewidth=1.2, label="learning rate")
    rates = curves["learning_rate"]
    marked = sorted({rates[0], rates[-1]}) if rates else []
    axes.set_ylim(0, 1.1 * max(rates, default=1))
    axes.set_yticks(marked, [f"{rate:.2g}" for rate in marked], fontsize=7.5, color=FAINT)


def behind(axes: Axes) -> Axes:
    """Return axes with a scale of its own on the right, behind these."""
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
    return strategy if strategy in STRATEGY_COLOURS else "another strategy"
