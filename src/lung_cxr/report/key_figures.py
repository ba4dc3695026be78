"""Key figures: the few numbers at the top of the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lung_cxr.report.labels import DYNAMIC, TRADITIONAL, backbone_title, strategy_title
from lung_cxr.report.numbers import p_value, percent, percent_interval, plural, points, points_interval
from lung_cxr.report.rows import best_by_validation_accuracy, finished_runs, row_title
from lung_cxr.report.sentences import comparable_pairs
from lung_cxr.report.tables.reference_models import reference_models

ORDER = (DYNAMIC, TRADITIONAL)


@dataclass(frozen=True)
class KeyFigure:
    """One number with its label and a line of detail; `strategy` selects its colour."""

    label: str
    value: str
    detail: str
    strategy: str = ""


def key_figures(evaluations: Mapping[str, Any], comparison: Mapping[str, Any]) -> list[KeyFigure]:
    """Return accuracy of both strategies, their difference and the best reference model; empty without a run.

    Args:
        evaluations: Result of `evaluate_grid`.
        comparison: Result of `compare_strategies`.
    """
    finished, pairs = finished_runs(evaluations), comparable_pairs(comparison["per_backbone"])
    if not finished:
        return []
    if len(pairs) == 1:
        rows = {row["strategy"]: row for row in finished if row["backbone"] == pairs[0]["backbone"]}
        figures = [_accuracy(rows[strategy]["metrics"], strategy_title(strategy), strategy) for strategy in ORDER]
        figures.append(_difference(pairs[0]))
    else:
        best = best_by_validation_accuracy(finished)
        figures = [_accuracy(best["metrics"], "Best by validation accuracy", best["strategy"], f"{row_title(best)} ")]
        if len(pairs) > 1:
            figures.append(_mean_difference(comparison["over_backbones"]["accuracy"]))
    references = [one for one in reference_models(evaluations) if one.metrics["accuracy"] is not None]
    if references:
        reference = max(references, key=lambda one: one.metrics["accuracy"])
        figures.append(KeyFigure("Best reference model", percent(reference.metrics["accuracy"]), reference.title))
    test = f"{plural(evaluations['patients']['test'], 'patient')}"
    return [*figures, KeyFigure("Test images", f"{evaluations['images']['test']:,}", f"of {test}")]


def _accuracy(metrics: Mapping[str, Any], label: str, strategy: str, detail: str = "") -> KeyFigure:
    interval = percent_interval(metrics["accuracy_low"], metrics["accuracy_high"])
    text = f"{detail}{interval}" if detail else f"accuracy {interval}"
    return KeyFigure(label[:1].upper() + label[1:], percent(metrics["accuracy"]), text.strip(), strategy)


def _difference(pair: Mapping[str, Any]) -> KeyFigure:
    interval = points_interval(pair["accuracy_difference_low"], pair["accuracy_difference_high"])
    detail = f"points {interval}, {p_value(pair['accuracy_bootstrap_p'])}"
    return KeyFigure(f"Difference, {backbone_title(pair['backbone'])}", points(pair["accuracy_difference"]), detail)


def _mean_difference(test: Mapping[str, Any]) -> KeyFigure:
    detail = f"points {points_interval(test['ci_low'], test['ci_high'])}, {p_value(test['p'])}"
    return KeyFigure(f"Dynamic − traditional, {test['n']} backbones", points(test["mean"]), detail)
