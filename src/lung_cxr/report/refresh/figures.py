"""Figures of the refresh page: histograms of the quality metrics with thresholds, and drift of each variable."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lung_cxr.parameters import DriftParameters
from lung_cxr.report.figures.style import FAINT, INK, styled
from lung_cxr.report.refresh.quality_thresholds import Metric, metric_values
from lung_cxr.report.refresh.sentences import variable_title

ACCEPTED, REJECTED = "#0072B2", "#E69F00"  # Okabe-Ito blue and orange
BINS = 48
COLUMNS = 3
PANEL_HEIGHT = 2.2  # inches
TAIL = 0.005  # share of the values on each side that the outermost bins collect


@styled
def draw_histograms(manifest: pd.DataFrame, metrics: Sequence[Metric]) -> Figure:
    """Draw the histogram of every metric for accepted and rejected images, with its thresholds as lines.

    Args:
        manifest: `contracts.image_manifest`.
        metrics: Metrics of `metrics_of`.
    """
    rows = math.ceil(len(metrics) / COLUMNS)
    height = PANEL_HEIGHT * rows
    figure = Figure(figsize=(3.6 * COLUMNS, height))  # a constrained layout takes seconds over so many axes
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    figure.subplots_adjust(left=0.06, right=0.99, bottom=0.3 / height, top=1 - 0.55 / height, wspace=0.2, hspace=0.42)
    accepted = (manifest["qc_status"] == "accepted").to_numpy()
    for axes, metric in zip(panels, metrics, strict=False):
        values = metric_values(manifest, metric.name).to_numpy()
        _histogram(axes, values[accepted], values[~accepted], metric)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    for axes in panels[::COLUMNS]:
        axes.set_ylabel("images", fontsize=8)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper left", ncols=3, fontsize=8, handlelength=1.4)
    return figure


@styled
def draw_drift(entry: Mapping[str, Any], settings: DriftParameters) -> Figure:
    """Draw the distance of each variable, its 95 % quantile under chance, and the smallest distance that is drift.

    Args:
        entry: Entry of `facts["drift"]` with at least one distance.
        settings: Thresholds of drift.
    """
    tested = [one for one in entry["comparisons"] if one["distance"] is not None][::-1]
    figure = Figure(figsize=(6.4, 0.9 + 0.24 * len(tested)), layout="constrained")
    axes = figure.subplots()
    places = range(len(tested))
    colours = [REJECTED if one["drifted"] else ACCEPTED for one in tested]
    axes.barh(places, [one["distance"] for one in tested], height=0.62, color=colours)
    chance = [one["by_chance"] for one in tested]
    axes.scatter(chance, places, marker="|", s=90, color=INK, zorder=3, label="95 % quantile under chance")
    axes.axvline(settings.min_distance, color=FAINT, linestyle=(0, (5, 3)), linewidth=1, label="min_distance")
    axes.set_yticks(places, [variable_title(one["variable"]) for one in tested])
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, max(0.3, *(1.08 * one["distance"] for one in tested), *(1.08 * value for value in chance)))
    axes.set_xlabel("distance from the earlier catalogue (0: equal, 1: disjoint distributions)")
    axes.grid(axis="x")
    figure.legend(loc="outside upper left", ncols=2, fontsize=8, handlelength=1.6)
    return figure


def _histogram(axes: Axes, accepted: np.ndarray, rejected: np.ndarray, metric: Metric) -> None:
    """Draw one metric with counts on a logarithmic axis, so that a single image is visible."""
    accepted, rejected = accepted[np.isfinite(accepted)], rejected[np.isfinite(rejected)]
    edges = _edges(np.concatenate([accepted, rejected]), metric)
    for values, colour, name in ((accepted, ACCEPTED, "accepted"), (rejected, REJECTED, "rejected")):
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.55, label=name)
        axes.stairs(np.maximum(counts, 0.5), edges, color=colour, linewidth=0.9, baseline=None)
    label = "threshold"
    for limit, outside in ((metric.least, edges[0]), (metric.most, edges[-1])):
        if limit is not None:
            axes.axvline(limit, color=INK, linewidth=1.1, linestyle=(0, (5, 3)), label=label)
            axes.axvspan(limit, outside, color=FAINT, alpha=0.12, linewidth=0)
            label = "_nolegend_"
    if metric.flag is not None:
        axes.axvline(metric.flag, color=INK, linewidth=1.1, linestyle=":", label="flag")
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.locator_params(axis="x", nbins=6)
    axes.set_ylim(bottom=0.5)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_title(metric.title, fontsize=8.5)
    axes.tick_params(labelsize=7.5)


def _edges(values: np.ndarray, metric: Metric) -> np.ndarray:
    """Return bin edges that cover all values but the tails, and all thresholds."""
    limits = [limit for limit in (metric.least, metric.most, metric.flag) if limit is not None]
    inner = np.quantile(values, [TAIL, 1 - TAIL]).tolist() if values.size else []
    points = [*limits, *inner] or [0.0, 1.0]
    low, high = min(points), max(points)
    margin = 0.04 * (high - low) or 0.5
    start = max(0.0, low - margin) if low >= 0 else low - margin
    return np.linspace(start, high + margin, BINS + 1)
