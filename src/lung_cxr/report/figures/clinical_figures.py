"""Figures for clinical decisions: ROC and precision–recall curves, predictive values, decision curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.class_curves import THRESHOLDS
from lung_cxr.report.figures.calibration_figures import axis_titles, panels
from lung_cxr.report.figures.style import FAINT, INK, message_figure, styled
from lung_cxr.report.labels import SHORT_DISEASES

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")  # Okabe-Ito, one per class
PREVALENCES = np.geomspace(0.001, 0.5, 60)
PPV_COLOUR, NPV_COLOUR = "#0072B2", "#009E73"
POINT = "youden"
NOTHING = "No class has test images with and without it, and a decision rule."


@styled
def draw_class_curves(row: Mapping[str, Any]) -> Figure:
    """Draw ROC and precision–recall curves of every class of one run."""
    curves = _curves(row)
    if not curves:
        return message_figure(NOTHING)
    figure, (roc, retrieval) = panels(2, height=3.6, width=3.8)
    for colour, (name, one) in zip(COLOURS, curves.items(), strict=False):
        roc.plot(one["fpr"], one["tpr"], color=colour, linewidth=1.2, label=SHORT_DISEASES[name])
        retrieval.plot(one["recall"], one["precision"], color=colour, linewidth=1.2)
    roc.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    roc.set(xlabel="1 − specificity", ylabel="sensitivity", title="ROC")
    retrieval.set(xlabel="recall (sensitivity)", ylabel="precision (PPV)", title="Precision–recall", ylim=(0, 1.02))
    figure.legend(loc="outside right center", fontsize=8)
    return figure


@styled
def draw_predictive_values(row: Mapping[str, Any]) -> Figure:
    """Draw PPV and NPV of every class over its prevalence, at the Youden threshold; dots: the test set."""
    points, curves = row["certainty"].get("operating_points", {}), _curves(row)
    known = {name: points[name][POINT] for name in curves if points[name][POINT].get("specificity") is not None}
    if not known:
        return message_figure(NOTHING)
    figure, places = panels(len(known), height=2.0)
    for (name, numbers), axes in zip(known.items(), places, strict=True):
        axes.set_title(SHORT_DISEASES[name], fontsize=8.5)
        here = np.array([curves[name]["prevalence"]])
        for value, colour in (("PPV", PPV_COLOUR), ("NPV", NPV_COLOUR)):
            axes.plot(PREVALENCES, predictive_value(value, numbers, PREVALENCES), color=colour, label=value)
            axes.plot(here, predictive_value(value, numbers, here), "o", color=colour, markersize=4)
        axes.set(xscale="log", ylim=(0, 1.03))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis_titles(figure, "prevalence", "predictive value")
    return figure


@styled
def draw_decision_curves(row: Mapping[str, Any]) -> Figure:
    """Draw the net benefit of every class over the threshold, beside treating all images and none."""
    curves = _curves(row)
    if not curves:
        return message_figure(NOTHING)
    figure, places = panels(len(curves), height=2.0)
    for (name, one), axes in zip(curves.items(), places, strict=True):
        axes.set_title(SHORT_DISEASES[name], fontsize=8.5)
        prevalence = one["prevalence"]
        everything = prevalence - (1 - prevalence) * THRESHOLDS / (1 - THRESHOLDS)
        axes.plot(THRESHOLDS, everything, color=FAINT, linestyle=":", label="treat all")
        axes.axhline(0, color=INK, linewidth=0.8, label="treat none")
        axes.plot(THRESHOLDS, one["net_benefit"], color=PPV_COLOUR, linewidth=1.3, label="model")
        axes.set_ylim(-0.25 * prevalence, 1.05 * prevalence)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis_titles(figure, "threshold probability", "net benefit per image")
    return figure


def predictive_value(name: str, numbers: Mapping[str, Any], prevalences: np.ndarray) -> np.ndarray:
    """Return PPV or NPV at other prevalences, from sensitivity and specificity (Bayes' theorem), (n,) float.

    Args:
        name: "PPV" or "NPV".
        numbers: `sensitivity` and `specificity`.
        prevalences: (n,) float.
    """
    sensitivity, specificity = numbers["sensitivity"], numbers["specificity"]
    if name == "PPV":
        right, wrong = sensitivity * prevalences, (1 - specificity) * (1 - prevalences)
    else:
        right, wrong = specificity * (1 - prevalences), (1 - sensitivity) * prevalences
    return np.divide(right, right + wrong, out=np.full(prevalences.shape, np.nan), where=right + wrong > 0)


def _curves(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the curves of a run in the order of the classes; empty without a decision rule."""
    found = row["certainty"].get("class_curves", {})
    return {name: found[name] for name in DISEASES if name in found}
