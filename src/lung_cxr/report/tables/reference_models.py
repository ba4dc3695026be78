"""Reference models: majority class and logistic regression on frozen features, as rows of tables and as sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lung_cxr.experiments import LOGISTIC_REGRESSION
from lung_cxr.report.labels import METRIC_TITLES, backbone_title, strategy_title
from lung_cxr.report.numbers import percent
from lung_cxr.report.rows import Row, row_title
from lung_cxr.report.tables.table import Cell, merged_reasons, metric_cell, name_cell

MAJORITY = "majority class"
NOTES = {
    LOGISTIC_REGRESSION: "on frozen features",
    "logistic_regression_augmented": "on frozen features, with the augmentation of the strategies",
    "logistic_regression_depths": "on frozen features of several depths, with flipped images",
}
BOTH = 2
FEW = 3  # runs that are named one by one with their numbers


@dataclass(frozen=True)
class ReferenceModel:
    """One reference model.

    Attributes:
        backbone: Backbone of the frozen features; "" for the majority class.
        name: `MAJORITY` or the name of the grid point without underscores.
        note: Description of its predictions.
        metrics: Result of `evaluate_predictions`, or all undefined with the reason.
    """

    backbone: str
    name: str
    note: str
    metrics: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Return e.g. "MobileNet logistic regression" or "Majority class"."""
        return f"{backbone_title(self.backbone)} {self.name}" if self.backbone else self.name.capitalize()


def reference_models(evaluations: Mapping[str, Any]) -> list[ReferenceModel]:
    """Return the reference models, the majority class last.

    Args:
        evaluations: Result of `evaluate_grid`.
    """
    regressions = [
        ReferenceModel(row["backbone"], row["strategy"].replace("_", " "), NOTES[row["strategy"]], row["metrics"])
        for row in evaluations["references"]
    ]
    return [
        *regressions,
        ReferenceModel("", MAJORITY, f"always {evaluations['majority_class']}", evaluations["majority"]),
    ]


def reference_cells(one: ReferenceModel) -> list[Cell]:
    """Return title, accuracy and macro-F1, or title and the reason why there are no numbers."""
    return [name_cell(one.title, one.note), *merged_reasons([metric_cell(one.metrics, name) for name in METRIC_TITLES])]


def not_better_than_references(finished: Sequence[Row], evaluations: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each run that is not better than a reference model, or one sentence for many such runs."""
    sentences: list[str] = []
    references = reference_models(evaluations)
    for name in dict.fromkeys(one.name for one in references):
        models = [one for one in references if one.name == name]
        compared = {
            row_title(row): _not_better(row, one, evaluations)
            for row in finished
            for one in models
            if one.backbone in ("", row["backbone"])
        }
        named = {title: sentence for title, sentence in compared.items() if sentence}
        if len(named) <= FEW:
            sentences += named.values()
        else:
            reference = _in_a_sentence(name, "their own backbone", evaluations)
            sentences.append(
                f"{len(named)} of {len(finished)} runs are not better in accuracy or macro-F1 than {reference}: "
                f"{'; '.join(named)}."
            )
    return sentences


def _not_better(row: Row, one: ReferenceModel, evaluations: Mapping[str, Any]) -> str:
    """Return the metrics by which a run is not better than one reference model as a sentence; "" where it is better."""
    ours, theirs = row["metrics"], one.metrics
    metrics = [
        f"{title} {percent(ours[metric])} against {percent(theirs[metric])}"
        for metric, title in METRIC_TITLES.items()
        if None not in (ours[metric], theirs[metric]) and ours[metric] <= theirs[metric]
    ]
    if not metrics:
        return ""
    reference = _in_a_sentence(one.name, backbone_title(row["backbone"]), evaluations)
    return f"{row_title(row)} is not better than {reference}: {', '.join(metrics)}."


def against_majority(rows: Sequence[Row], evaluations: Mapping[str, Any]) -> str:
    """Return which runs are clearly better than the majority class; "" where all of them are.

    A run is clearly better if its accuracy is higher and the interval over patients does not include the majority
    class's accuracy.

    Args:
        rows: Finished rows of `evaluate_grid`; two rows of one backbone are its two strategies.
        evaluations: Result of `evaluate_grid`.
    """
    better = [row for row in rows if _is_clearly_better(row["metrics"], evaluations["majority"]["accuracy"])]
    if len(better) == len(rows):
        return ""
    one_backbone = len({row["backbone"] for row in rows}) == 1
    reference = f"the majority class {evaluations['majority_class']} ({percent(evaluations['majority']['accuracy'])})"
    if len(rows) == 1:
        subject = f"{row_title(rows[0])} is not"
    elif len(rows) == BOTH and one_backbone:
        subject = f"Only {strategy_title(better[0]['strategy'])} is" if better else "Neither strategy is"
    else:
        subject = f"{len(better) or 'None'} of {len(rows)} runs {'is' if len(better) < BOTH else 'are'}"
    return f"{subject} clearly better than {reference}."


def _is_clearly_better(metrics: Mapping[str, Any], reference: float | None) -> bool:
    accuracy, low = metrics["accuracy"], metrics["accuracy_low"]
    return reference is None or accuracy is None or (accuracy > reference and (low is None or low > reference))


def against_frozen_features(rows: Sequence[Row], evaluations: Mapping[str, Any]) -> str:
    """Return which runs have a higher accuracy than the logistic regression; "" where all have or there is none.

    Args:
        rows: Finished rows of `evaluate_grid`; two rows of one backbone are its two strategies.
        evaluations: Result of `evaluate_grid`.
    """
    regressions = {backbone: one["accuracy"] for backbone, one in evaluations["frozen_features"].items()}
    compared = [row for row in rows if None not in (regressions.get(row["backbone"]), row["metrics"]["accuracy"])]
    better = [row for row in compared if row["metrics"]["accuracy"] > regressions[row["backbone"]]]
    if len(better) == len(compared):
        return ""
    backbones = {row["backbone"] for row in compared}
    if len(backbones) > 1:
        reference = "frozen features of the same backbone"
        subject = f"{len(better) or 'None'} of {len(compared)} runs"
    else:
        (backbone,) = backbones
        reference = f"{backbone_title(backbone)}'s frozen features ({percent(regressions[backbone])})"
        subject = _subject(compared, better)
    verb = "has" if len(better) < BOTH else "have"
    return f"{subject} {verb} a higher accuracy than the logistic regression on {reference}."


def _subject(compared: Sequence[Row], better: Sequence[Row]) -> str:
    if better:
        return f"Only {' and '.join(strategy_title(row['strategy']) for row in better)}"
    return "Neither strategy" if len(compared) == BOTH else "No strategy"


def _in_a_sentence(name: str, backbone: str, evaluations: Mapping[str, Any]) -> str:
    if name == MAJORITY:
        return f"the majority class ({evaluations['majority_class']})"
    return f"the {name} on {backbone}'s frozen features"
