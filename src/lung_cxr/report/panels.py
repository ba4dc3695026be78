"""Small multiples: a row per backbone that has a finished run, a column per strategy of the grid."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lung_cxr.experiments import Run
from lung_cxr.report.figure_style import FAINT
from lung_cxr.report.titles import run_title


def panel_grid(
    evaluations: Mapping[str, Any], finished: Sequence[Mapping[str, Any]], width: float, height: float
) -> tuple[Figure, list[tuple[Mapping[str, Any], Axes]]]:
    """Return a figure and the axes of each finished run; the other places say what became of their run.

    Args:
        evaluations: What `evaluate_grid` returned.
        finished: Its finished runs.
        width: Of a panel, inches.
        height: Of a panel, inches.
    """
    shown = {row["backbone"] for row in finished}
    backbones = list(dict.fromkeys(row["backbone"] for row in evaluations["runs"] if row["backbone"] in shown))
    strategies = list(dict.fromkeys(row["strategy"] for row in evaluations["runs"]))
    figure = Figure(
        figsize=(width * len(strategies), height * len(backbones)), layout=ConstrainedLayoutEngine(h_pad=0.1)
    )
    places = figure.subplots(len(backbones), len(strategies), squeeze=False)
    panels = []
    for row in evaluations["runs"]:
        if row["backbone"] not in shown:
            continue
        axes = places[backbones.index(row["backbone"]), strategies.index(row["strategy"])]
        axes.set_title(run_title(Run(row["backbone"], row["strategy"])))
        if row in finished:
            panels.append((row, axes))
        else:
            axes.set_axis_off()
            axes.text(0.5, 0.5, row["status"], ha="center", va="center", color=FAINT, transform=axes.transAxes)
    return figure, panels
