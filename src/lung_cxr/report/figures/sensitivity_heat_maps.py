"""Heat maps of a sensitivity analysis: validation results of each grid point, one figure per backbone."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from lung_cxr.parameters import SensitivityParameters
from lung_cxr.report.figures.style import FAINT, styled
from lung_cxr.report.labels import DYNAMIC, TRADITIONAL, backbone_title
from lung_cxr.report.numbers import NOTHING, plural
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training.sweep.grid import SWEPT

SQUARE = 0.72  # inches per grid point
DARK = 0.6  # position on the colour scale above which numbers are white
FRAME = "#D55E00"  # Okabe-Ito vermilion
SIGNS = {-1: " ▼", 0: "", 1: " ▲"}  # of a difference of losses
LETTERS = 18  # characters of the caption per inch
SETTINGS = ["strategy", *SWEPT, "max_epochs", "depth"]

Place = dict[str, Any]
"""A grid point of a panel: values of some columns of `SETTINGS`."""


def draw_heat_maps(
    table: pd.DataFrame, sensitivity: SensitivityParameters, dynamic: StrategyParameters, max_epochs: int
) -> dict[str, Figure]:
    """Draw one figure for each backbone that has a finished run.

    Args:
        table: Result of `tabulate_grid_points`.
        sensitivity: Parameters of the analysis.
        dynamic: Dynamic fine-tuning with the p, k and decay of the panel over n.
        max_epochs: n of the grid over p, k and decay.

    Returns:
        `<backbone>.png` → its figure.
    """
    figures = {}
    for backbone, of_backbone in table.groupby("backbone", sort=False):
        if (of_backbone["status"] == "finished").any():
            figures[f"{backbone}.png"] = _figure(of_backbone, sensitivity, dynamic, max_epochs)
    return figures


@styled
def _figure(
    table: pd.DataFrame, sensitivity: SensitivityParameters, dynamic: StrategyParameters, max_epochs: int
) -> Figure:
    """Draw a panel over p × k for each decay; below, panels over n and over the depth of traditional fine-tuning."""
    p, k, decays, budgets, depths = (
        list(dict.fromkeys(getattr(sensitivity, name)))
        for name in ("patience", "step", "decay", "max_epochs", "depths")
    )
    means = _means(table)
    scale = _scale(means)
    across = max(len(decays), 2)
    width = max(across * (SQUARE * max(map(len, (k, budgets, depths))) + 0.5) + 1.2, 6)
    height = SQUARE * (len(p) + 1) + 3.0
    figure = Figure(figsize=(width, height), layout="constrained")
    above, below = figure.subplots(2, across, height_ratios=[max(len(p), 1), 1])
    for place, (axes, decay) in enumerate(zip(above, decays, strict=False)):
        fixed = {"strategy": DYNAMIC, "decay": decay, "max_epochs": max_epochs}
        _draw(axes, means, scale, [[{**fixed, "patience": row, "step": column} for column in k] for row in p])
        _label(axes, f"decay {decay:g}", "step k, layer groups", k, "" if place else "patience p, epochs", p)
    of_n, of_depth = below[:2]
    base = {name: getattr(dynamic.root, name) for name in SWEPT}
    _draw(of_n, means, scale, [[{"strategy": DYNAMIC, **base, "max_epochs": n} for n in budgets]])
    _label(of_n, f"p = {base['patience']}, k = {base['step']}, decay {base['decay']:g}", "n, epochs", budgets)
    _draw(of_depth, means, scale, [[{"strategy": TRADITIONAL, "depth": depth} for depth in depths]])
    _label(of_depth, "traditional fine-tuning", "unfrozen layer groups", depths)
    for axes in (*above[len(decays) :], *below[2:]):
        axes.set_axis_off()
    figure.colorbar(scale, ax=list(above), label="validation macro-F1, %", pad=0.02)
    figure.suptitle(_title(table, max_epochs), x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    figure.supxlabel(fill(_caption(table), round(width * LETTERS)), x=0.01, ha="left", fontsize=7.5)
    return figure


def _means(table: pd.DataFrame) -> pd.DataFrame:
    """Return `SETTINGS` with means over the finished seeds.

    `macro_f1`, `low` and `high` (%); `loss` and `sign` of its difference to the environment's settings, 0 where the
    interval contains 0; `is_best`: the lowest loss.
    """
    finished = table[table["status"] == "finished"]
    means = finished.groupby(SETTINGS, dropna=False, as_index=False).agg(
        macro_f1=("validation_macro_f1", "mean"),
        low=("validation_macro_f1_low", "mean"),
        high=("validation_macro_f1_high", "mean"),
        loss=("best_val_loss", "mean"),
        least=("loss_difference_low", "mean"),
        most=("loss_difference_high", "mean"),
    )
    best = means["loss"] == means.groupby("strategy")["loss"].transform("min")
    percent = {name: 100 * means[name] for name in ("macro_f1", "low", "high")}
    return means.assign(**percent, is_best=best, sign=(means["least"] > 0).astype(int) - (means["most"] < 0))


def _scale(means: pd.DataFrame) -> ScalarMappable:
    """Return a colour scale as wide as the mean interval, or as the results if they differ more."""
    least, most = means["macro_f1"].min(), means["macro_f1"].max()
    half = max(most - least, (means["high"] - means["low"]).mean(), 1) / 2
    middle = (least + most) / 2
    return ScalarMappable(Normalize(middle - half, middle + half), "Blues")


def _darkness(scale: ScalarMappable, value: float) -> float:
    """Return the position of a value on the colour scale, 0…1."""
    low, high = scale.get_clim()
    return (value - low) / (high - low)


def _draw(axes: Axes, means: pd.DataFrame, scale: ScalarMappable, places: Sequence[Sequence[Place]]) -> None:
    """Draw a square per grid point: macro-F1 as colour and number, interval, loss; a dash without a finished run."""
    rows, columns = len(places), max(map(len, places), default=0)
    axes.set(xlim=(-0.5, max(columns, 1) - 0.5), ylim=(max(rows, 1) - 0.5, -0.5), aspect="equal")
    for y, x in np.ndindex(rows, columns):
        found = means[np.logical_and.reduce([(means[name] == value) for name, value in places[y][x].items()])]
        if found.empty:
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="#f4f4f4", edgecolor="white"))
            axes.text(x, y, NOTHING, ha="center", va="center", color=FAINT)
            continue
        cell = found.iloc[0]
        colour = "white" if _darkness(scale, cell["macro_f1"]) > DARK else "#1d2b3a"
        axes.add_patch(
            Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=scale.to_rgba(cell["macro_f1"]), edgecolor="white")
        )
        interval = "" if np.isnan(cell["low"]) else f"{cell['low']:.0f} to {cell['high']:.0f}"
        loss = f"{cell['loss']:.3f}{SIGNS[cell['sign']]}"
        for line, text, size in ((-0.22, f"{cell['macro_f1']:.1f}", 8.5), (0.06, interval, 6), (0.3, loss, 6.5)):
            axes.text(x, y + line, text, ha="center", va="center", color=colour, fontsize=size)
        if cell["is_best"]:
            frame = Rectangle((x - 0.46, y - 0.46), 0.92, 0.92, fill=False, edgecolor=FRAME, linewidth=1.8, zorder=3)
            axes.add_patch(frame)


def _label(
    axes: Axes, title: str, across: str, columns: Sequence[float], down: str = "", rows: Sequence[float] = ()
) -> None:
    if not columns:  # the analysis has no such grid point
        axes.set_axis_off()
        return
    axes.set_title(title, fontsize=9)
    axes.set_xticks(range(len(columns)), [f"{value:g}" for value in columns], fontsize=8)
    axes.set_yticks(range(len(rows)), [f"{value:g}" for value in rows], fontsize=8)
    axes.set_xlabel(across, fontsize=8)
    axes.set_ylabel(down, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _title(table: pd.DataFrame, max_epochs: int) -> str:
    backbone = backbone_title(table["backbone"].iloc[0])
    return f"{backbone}: sensitivity of dynamic fine-tuning (n = {max_epochs} unless given)"


def _caption(table: pd.DataFrame) -> str:
    """Return the meaning of the numbers and their selection bias."""
    points, seeds = len(table[SETTINGS].drop_duplicates()), table["seed"].nunique()
    missing = points - len(_means(table))
    of_seeds = "one seed" if seeds == 1 else f"means of {seeds} seeds"
    images = plural(int(table["validation_images"].max()), "validation image")
    lines = [
        f"{images}, {of_seeds}. Colour and upper number: macro-F1 in percent, with its interval over patients; the "
        "colour scale is at least as wide as an interval. Lower number: best validation loss, framed where it is the "
        "lowest of a strategy; ▲ or ▼: distinguishably higher or lower than with the p, k, decay and n of the "
        "environment (interval corrected for the number of grid points). The framed grid point is the best of "
        f"{plural(points, 'grid point')} on the images shown here, so its numbers are optimistically biased. The test "
        "set is not used in this figure."
    ]
    if missing:
        lines.append(f"{NOTHING}: not finished ({plural(missing, 'grid point')}); the table gives the reason.")
    return " ".join(lines)
