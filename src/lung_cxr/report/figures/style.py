"""Style of all figures and their conversion to SVG. No pyplot: figures are objects without global state."""

import base64
import io
from collections.abc import Callable
from functools import wraps
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, FAINT = "#222222", "#8a8a8a"

NO_RUN = "No run has finished yet."

STYLE: Any = {
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "svg.hashsalt": "lung_cxr",  # equal figures give equal files
}


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make a function draw its figure in the style of the report."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def message_figure(text: str) -> Figure:
    """Return a figure with one sentence, where there is nothing to draw."""
    figure = Figure(figsize=(6, 1.2), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=FAINT, style="italic")
    return figure


def as_data_uri(figure: Figure) -> str:
    """Return the figure as a data URI with an SVG image."""
    with mpl.rc_context(STYLE), io.BytesIO() as svg:
        figure.savefig(svg, format="svg", bbox_inches="tight", metadata={"Date": None})
        return f"data:image/svg+xml;base64,{base64.b64encode(svg.getvalue()).decode('ascii')}"


def width_in_pixels(figure: Figure) -> int:
    """Return the width in CSS pixels at which the figure's text has the size of the page's small print."""
    return round(figure.get_figwidth() * 96)
