"""The page's tables of what a run's confidence is worth: calibration, prediction sets, abstention."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.experiments import Run
from lung_cxr.report.labels import run_title
from lung_cxr.report.numbers import decimal, decimal_interval, percent, percent_interval, reason_for
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.paper_results import images_by_class
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell


def calibration_table(evaluations: Mapping[str, Any]) -> Table:
    """Return temperature, log loss and ECE before and after, and the prediction sets of every finished run."""
    rows = []
    for row in finished_runs(evaluations):
        certainty = row["certainty"]
        if "reason" in certainty:
            rows.append([_name(row), Cell(certainty["reason"], kind="reason", span=8)])
            continue
        before, after, sets = (certainty[name] for name in ("before", "after", "sets"))
        rows.append(
            [
                _name(row),
                Cell(decimal(certainty["temperature"], 2)),
                *(Cell(decimal(numbers[name])) for name in ("log_loss", "ece") for numbers in (before, after)),
                _percent_cell(sets, "coverage"),
                _size_cell(sets, "set_size"),
                _percent_cell(sets, "empty"),
            ]
        )
    return Table(
        caption="Confidence on the test set before and after temperature scaling, which is fitted on the validation "
        "images and changes no predicted class; above 1, a run was too sure. ECE: the mean gap between confidence and "
        f"accuracy. Prediction sets: all classes that cannot be ruled out, made to hold the true one for "
        f"{percent(evaluations['conformal_coverage'])} of images (split-conformal, scaled probabilities). Each run's "
        "first seed; in brackets, intervals over patients.",
        head=["Run", "Temperature", *["Before", "After"] * 2, "Coverage", "Classes in a set", "Empty sets"],
        groups=[("", 2), ("Log loss", 2), ("ECE", 2), ("Prediction sets", 3)],
        rows=rows,
    )


def sets_table(row: Mapping[str, Any]) -> Table:
    """Return coverage and size of one finished run's prediction sets by true class."""
    sets, rows = row["certainty"].get("sets"), []
    if sets is None:
        return Table(row["certainty"]["reason"], ["Class"], [])
    for (name, images), key in zip(images_by_class(row).items(), CLASS_NAMES_IN_KEYS, strict=True):
        cells = [_percent_cell(sets, f"coverage_{key}"), _size_cell(sets, f"set_size_{key}")]
        rows.append([name_cell(name), Cell(f"{images:,}"), *merged_reasons(cells)])
    return Table(
        caption="Prediction sets by true class. The promise holds over all classes together: a rare class may be "
        f"covered less. Of {len(DISEASES)} classes, a set of that size says nothing.",
        head=["Class", "Test images", "Coverage", "Classes in a set"],
        rows=rows,
    )


def abstention_table(evaluations: Mapping[str, Any]) -> Table:
    """Return how many images every finished run would have to leave to people to be accurate enough."""
    rows = []
    for row in finished_runs(evaluations):
        certainty = row["certainty"]
        if "reason" in certainty:
            rows.append([_name(row), Cell(certainty["reason"], kind="reason", span=5)])
            continue
        chosen, best = certainty["abstention"], certainty["best_on_test"]
        cells = [
            number_cell(chosen, "threshold", decimal),
            number_cell(chosen, "abstained", percent),
            _percent_cell(chosen, "accuracy"),
            number_cell(best, "abstained", percent),
            _percent_cell(best, "accuracy"),
        ]
        rows.append([_name(row), *merged_reasons(cells[:3]), *merged_reasons(cells[3:])])
    return Table(
        caption=f"A run that answers only where it is sure: what it leaves to people so that "
        f"{percent(evaluations['target_accuracy'])} of its answers are right. The confidence from which on it answers "
        "is chosen on the validation images; the one that this test set would choose flatters itself and stands "
        "beside it.",
        head=["Run", "Confidence from", *["Left to people", "Accuracy of the rest"] * 2],
        groups=[("", 1), ("Chosen on validation", 3), ("Best on the test set", 2)],
        rows=rows,
    )


def abstention_sentence(row: Mapping[str, Any], target: float) -> str:
    """Return at which rate of abstention one run reaches the wanted accuracy."""
    certainty, title = row["certainty"], run_title(Run(row["backbone"], row["strategy"]))
    if "reason" in certainty:
        return f"{title}: no answer to when it could abstain, because {certainty['reason']}."
    chosen = certainty["abstention"]
    if reason := reason_for(chosen, "accuracy"):
        return f"{title} cannot be brought to {percent(target)} by abstaining: {reason}."
    interval = percent_interval(chosen["accuracy_low"], chosen["accuracy_high"])
    reached = "reaches" if chosen["accuracy"] >= target else "stays below"
    return (
        f"To be right on {percent(target)} of its answers, {title} would leave {percent(chosen['abstained'])} of the "
        f"test images to people, by the threshold that validation chose; on the others it {reached} that, with "
        f"{percent(chosen['accuracy'])} {interval}".strip()
        + "."
    )


def _name(row: Mapping[str, Any]) -> Cell:
    return name_cell(run_title(Run(row["backbone"], row["strategy"])))


def _percent_cell(numbers: Mapping[str, Any], name: str) -> Cell:
    cell = number_cell(numbers, name, percent)
    ends = (numbers.get(f"{name}_low"), numbers.get(f"{name}_high"))
    return cell if cell.kind == "reason" else Cell(cell.text, percent_interval(*ends))


def _size_cell(numbers: Mapping[str, Any], name: str) -> Cell:
    cell = number_cell(numbers, name, partial(decimal, digits=2))
    ends = (numbers.get(f"{name}_low"), numbers.get(f"{name}_high"))
    return cell if cell.kind == "reason" else Cell(cell.text, decimal_interval(*ends, digits=2))
