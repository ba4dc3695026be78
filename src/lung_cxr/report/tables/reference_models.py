"""What no run may lose to, as rows of every table and as sentences: the largest class, and frozen features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import METRIC_TITLES, backbone_title, run_title, strategy_title
from lung_cxr.report.numbers import percent
from lung_cxr.report.tables.table import Cell, merged_reasons, metric_cell, name_cell

MAJORITY = "majority class"
FROZEN_FEATURES = "logistic regression"
BOTH = 2
FEW = 3  # runs that are named with their numbers; of more, the tables have them


@dataclass(frozen=True)
class Yardstick:
    """One row.

    Attributes:
        backbone: Whose features; "" for the majority class.
        name: `MAJORITY` or `FROZEN_FEATURES`.
        title: As a reader sees it.
        small: In small print behind the title.
        metrics: What `evaluate_predictions` returned, or why there is nothing: all undefined for that reason.
    """

    backbone: str
    name: str
    title: str
    small: str
    metrics: Mapping[str, Any]


def yardsticks(evaluations: Mapping[str, Any]) -> list[Yardstick]:
    """Return the rows, the majority class last.

    Args:
        evaluations: What `evaluate_grid` returned.
    """
    regressions = [
        Yardstick(backbone, FROZEN_FEATURES, f"{backbone_title(backbone)}, frozen", "logistic regression", metrics)
        for backbone, metrics in evaluations["frozen_features"].items()
    ]
    every_image = f"every image called {evaluations['majority_class']}"
    majority = Yardstick("", MAJORITY, "Majority class", every_image, evaluations["majority"])
    return [*regressions, majority]


def yardstick_cells(one: Yardstick) -> list[Cell]:
    """Return title, accuracy and macro-F1; one cell with the reason where nothing is known."""
    cells = merged_reasons([metric_cell(one.metrics, metric) for metric in METRIC_TITLES])
    return [name_cell(one.title, one.small), *cells]


def lost_to_yardsticks(finished: Sequence[Mapping[str, Any]], evaluations: Mapping[str, Any]) -> list[str]:
    """Return which finished runs are no better than a yardstick: a sentence for each, or one for all where many are."""
    said: list[str] = []
    for name in (FROZEN_FEATURES, MAJORITY):
        measures = [one for one in yardsticks(evaluations) if one.name == name]
        sentences = {
            run_title(Run(row["backbone"], row["strategy"])): _lost(row, one, evaluations)
            for row in finished
            for one in measures
            if one.backbone in ("", row["backbone"])
        }
        losers = {title: sentence for title, sentence in sentences.items() if sentence}
        if len(losers) <= FEW:
            said += losers.values()
        else:
            than = _in_a_sentence(name, "their own backbone", evaluations)
            said.append(
                f"{len(losers)} of {len(finished)} runs are no better, by accuracy or macro-F1, than {than}: "
                f"{'; '.join(losers)}."
            )
    return said


def _lost(row: Mapping[str, Any], one: Yardstick, evaluations: Mapping[str, Any]) -> str:
    """Return by which metrics a run is no better than one yardstick, in a sentence; nothing where it is better."""
    ours, theirs = row["metrics"], one.metrics
    lost = [
        f"{title} {percent(ours[metric])} against {percent(theirs[metric])}"
        for metric, title in METRIC_TITLES.items()
        if None not in (ours[metric], theirs[metric]) and ours[metric] <= theirs[metric]
    ]
    if not lost:
        return ""
    who = run_title(Run(row["backbone"], row["strategy"]))
    than = _in_a_sentence(one.name, backbone_title(row["backbone"]), evaluations)
    return f"{who} is no better than {than}: {', '.join(lost)}."


def against_frozen_features(rows: Sequence[Mapping[str, Any]], evaluations: Mapping[str, Any]) -> str:
    """Return which of the runs reached more than a logistic regression, or nothing where all did or none stands beside.

    Args:
        rows: Finished rows of `evaluate_grid`; two are taken as the two strategies of one backbone.
        evaluations: What `evaluate_grid` returned.
    """
    regressions = {backbone: one["accuracy"] for backbone, one in evaluations["frozen_features"].items()}
    beside = [row for row in rows if None not in (regressions.get(row["backbone"]), row["metrics"]["accuracy"])]
    better = [row for row in beside if row["metrics"]["accuracy"] > regressions[row["backbone"]]]
    if len(better) == len(beside):
        return ""
    backbones = {row["backbone"] for row in beside}
    if len(backbones) > 1:
        whose, who = "their backbones' frozen features", f"{len(better) or 'None'} of {len(beside)} runs"
    else:
        (backbone,) = backbones
        whose = f"{backbone_title(backbone)}'s frozen features ({percent(regressions[backbone])})"
        who = _who(beside, better)
    return f"{who} reached more accuracy than a logistic regression on {whose}."


def _who(beside: Sequence[Mapping[str, Any]], better: Sequence[Mapping[str, Any]]) -> str:
    if better:
        return f"Only {' and '.join(strategy_title(row['strategy']) for row in better)}"
    if len(beside) == BOTH:
        return "Neither strategy"
    return f"{strategy_title(beside[0]['strategy']).capitalize()} has not" if len(beside) == 1 else "No strategy"


def _in_a_sentence(name: str, backbone: str, evaluations: Mapping[str, Any]) -> str:
    if name == MAJORITY:
        return f"calling every image {evaluations['majority_class']}"
    return f"a logistic regression on {backbone}'s frozen features"
