"""Small multiples: two panels per row; each backbone starts a row with dynamic and traditional, baselines follow."""

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from lung_cxr.experiments import STRATEGIES
from lung_cxr.report.figures.style import FAINT
from lung_cxr.report.rows import row_title

ACROSS = len(STRATEGIES)


def panel_grid(
    evaluations: Mapping[str, Any], finished: Sequence[Mapping[str, Any]], width: float, height: float
) -> tuple[Figure, list[tuple[Mapping[str, Any], Axes]]]:
    """Return a figure and the axes of each finished run; the panel of another run shows its status.

    Args:
        evaluations: Result of `evaluate_grid`.
        finished: Its finished rows.
        width: Width of a panel, in inches.
        height: Height of a panel, in inches.
    """
    shown = {row["backbone"] for row in finished}
    lines = _lines([row for row in evaluations["runs"] if row["backbone"] in shown])
    figure = Figure(figsize=(width * ACROSS, height * len(lines)), layout=ConstrainedLayoutEngine(h_pad=0.1))
    places = figure.subplots(len(lines), ACROSS, squeeze=False)
    panels = []
    for line, line_places in zip(lines, places, strict=True):
        for row, axes in zip_longest(line, line_places):
            if row is None:
                axes.remove()
                continue
            axes.set_title(row_title(row))
            if row in finished:
                panels.append((row, axes))
            else:
                axes.set_axis_off()
                axes.text(0.5, 0.5, row["status"], ha="center", va="center", color=FAINT, transform=axes.transAxes)
    return figure, panels


def _lines(rows: Sequence[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    """Return the rows by line of panels; each backbone starts a new line."""
    of_backbone: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of_backbone.setdefault(row["backbone"], []).append(row)
    return [own[start : start + ACROSS] for own in of_backbone.values() for start in range(0, len(own), ACROSS)]
