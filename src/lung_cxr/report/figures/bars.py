"""Figs. 3 and 4 of the paper from our runs: bar charts of accuracy and macro-F1 of both strategies by backbone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lung_cxr.report.figures.style import FAINT, INK, NO_RUN, message_figure, styled
from lung_cxr.report.labels import DYNAMIC, STRATEGY_COLOURS, TRADITIONAL, backbone_title
from lung_cxr.report.rows import NOT_TRAINED, finished_runs
from lung_cxr.report.tables.reference_models import MAJORITY

BAR_WIDTH = 0.36
FEW = 3  # backbones whose names fit without rotation
FROZEN_COLOUR = "#009E73"  # Okabe-Ito green
AXIS_TITLES = {"accuracy": "Accuracy", "macro_f1": "Macro-F1"}


@styled
def draw_bars(evaluations: Mapping[str, Any], metric: str) -> Figure:
    """Draw one metric of both strategies for every backbone that has a finished run.

    Args:
        evaluations: Result of `evaluate_grid`.
        metric: `accuracy` (Fig. 3) or `macro_f1` (Fig. 4).

    Returns:
        Bars in percent with their intervals; the majority class is a line across all backbones, the logistic regression
        on frozen features a line across each backbone's bars.
    """
    finished = [row for row in finished_runs(evaluations) if row["strategy"] in STRATEGY_COLOURS]
    if not finished:
        return message_figure(NO_RUN)
    backbones = list(dict.fromkeys(row["backbone"] for row in finished))
    figure = Figure(figsize=(max(3.4, 0.78 * len(backbones) + 1.1), 3.2), layout="constrained")
    axes = figure.subplots()
    for strategy, side in ((TRADITIONAL, -1), (DYNAMIC, 1)):
        rows = {row["backbone"]: row for row in evaluations["runs"] if row["strategy"] == strategy}
        _bars(axes, [rows.get(backbone, {}) for backbone in backbones], metric, strategy, side)
    _reference_models(axes, evaluations, backbones, metric)
    margin = 0.6 if len(backbones) > 1 else 1.0  # keeps two bars narrow
    axes.set_xlim(-margin, len(backbones) - 1 + margin)
    axes.set_ylim(0, 105)
    turned: dict[str, Any] = {"rotation": 25, "ha": "right", "rotation_mode": "anchor"} if len(backbones) > FEW else {}
    axes.set_xticks(range(len(backbones)), [backbone_title(backbone) for backbone in backbones], **turned)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(f"{AXIS_TITLES[metric]}, %")
    axes.grid(axis="y")
    columns = 2 if len(backbones) <= FEW else 4
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside upper left", ncols=columns, fontsize=8, handlelength=1.3, columnspacing=1)
    return figure


def _bars(axes: Axes, rows: Sequence[Mapping[str, Any]], metric: str, strategy: str, side: int) -> None:
    """Draw the bars of one strategy, or the status of a run without results."""
    colour, label = STRATEGY_COLOURS[strategy], strategy
    for position, row in enumerate(rows):
        x, metrics = position + side * BAR_WIDTH / 2, row.get("metrics", {})
        if metrics.get(metric) is None:
            status = metrics.get(f"{metric}_reason") or row.get("status", NOT_TRAINED)
            axes.text(
                x, 2, status, rotation=90, ha="center", va="bottom", color=FAINT, fontsize=7.5, backgroundcolor="w"
            )
            continue
        value, low, high = (100 * _number(metrics[name]) for name in (metric, f"{metric}_low", f"{metric}_high"))
        axes.bar(x, value, width=BAR_WIDTH * 0.94, color=colour, label=label)
        label = "_nolegend_"  # the legend has each label once
        axes.vlines(x, low, high, color=INK, linewidth=1.1)
        axes.hlines([low, high], x - 0.05, x + 0.05, color=INK, linewidth=1.1)
        inside = "white" if strategy == TRADITIONAL else INK  # at the foot of the bar no line crosses the number
        axes.text(x, 1.5, f"{value:.1f}", ha="center", va="bottom", fontsize=7, color=inside)


def _reference_models(axes: Axes, evaluations: Mapping[str, Any], backbones: Sequence[str], metric: str) -> None:
    """Draw the reference models as lines."""
    label = "logistic regression"
    for position, backbone in enumerate(backbones):
        value = evaluations["frozen_features"].get(backbone, {}).get(metric)
        if value is not None:
            ends = [position - BAR_WIDTH - 0.08, position + BAR_WIDTH + 0.08]
            axes.plot(ends, [100 * value] * 2, color=FROZEN_COLOUR, linewidth=1.8, label=label)
            label = "_nolegend_"
    value = evaluations["majority"][metric]
    if value is not None:
        axes.axhline(100 * value, color=INK, linewidth=0.9, linestyle=(0, (5, 3)), label=MAJORITY, zorder=0.5)


def _number(value: float | None) -> float:
    return np.nan if value is None else value
