"""Tables of calibration, prediction sets and abstention."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.evaluation.operating_points import RATIOS
from lung_cxr.report.labels import SHORT_DISEASES
from lung_cxr.report.numbers import decimal, decimal_interval, percent, percent_interval, reason_for
from lung_cxr.report.rows import finished_runs, images_by_class, row_title
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell, text_cell

POINT_TITLES = {"rule_out": "rule out", "youden": "Youden"}


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
        caption="Calibration on the test set before and after temperature scaling, which is fitted on validation and "
        "changes no predicted class. A temperature above 1 means overconfidence. ECE: expected calibration error. "
        f"Split-conformal prediction sets with target coverage {percent(evaluations['conformal_coverage'])}, from the "
        "scaled probabilities. First seed of each run; intervals over patients.",
        head=["Run", "Temperature", *["Before", "After"] * 2, "Coverage", "Set size", "Empty sets"],
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
        caption="Prediction sets by true class. Coverage is guaranteed over all classes together, so a rare class may "
        f"have less. A set of {len(DISEASES)} classes is uninformative.",
        head=["Class", "Test images", "Coverage", "Set size"],
        rows=rows,
    )


def operating_points_table(row: Mapping[str, Any]) -> Table:
    """Return sensitivity, specificity, PPV and NPV of one finished run at the operating points of each class."""
    points, rows = row["certainty"].get("operating_points"), []
    if points is None:
        return Table(row["certainty"]["reason"], ["Class"], [])
    for name, of_class in points.items():
        for point, title in POINT_TITLES.items():
            numbers = of_class[point]
            ratios = [_percent_cell(numbers, ratio) for ratio in RATIOS]
            cells = [number_cell(numbers, "threshold", decimal), *ratios]
            rows.append([name_cell(SHORT_DISEASES[name]), text_cell(title), *merged_reasons(cells)])
    return Table(
        caption="Operating points: a class is called where its calibrated probability reaches the threshold, which is "
        "chosen on validation. Rule out: the highest threshold with the target sensitivity; Youden: the largest "
        "sensitivity + specificity − 1. PPV and NPV hold for the class shares of this test set. "
        "Intervals over patients.",
        head=["Class", "Operating point", "Threshold", "Sensitivity", "Specificity", "PPV", "NPV"],
        rows=rows,
    )


def abstention_table(evaluations: Mapping[str, Any]) -> Table:
    """Return the abstention rate at which every finished run reaches the target accuracy."""
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
        caption="Abstention: images below a confidence threshold are referred to a clinician, so that "
        f"{percent(evaluations['target_accuracy'])} of the other predictions are correct. The threshold is chosen on "
        "validation. The threshold chosen on the test set is optimistically biased; it is shown for comparison.",
        head=["Run", "Threshold", *["Abstention rate", "Accuracy of the rest"] * 2],
        groups=[("", 1), ("Chosen on validation", 3), ("Chosen on the test set", 2)],
        rows=rows,
    )


def abstention_sentence(row: Mapping[str, Any], target: float) -> str:
    """Return the abstention rate at which one run reaches the target accuracy, as a sentence."""
    certainty, title = row["certainty"], row_title(row)
    if "reason" in certainty:
        return f"{title}: no threshold for abstention, because {certainty['reason']}."
    chosen = certainty["abstention"]
    if reason := reason_for(chosen, "accuracy"):
        return f"{title} does not reach {percent(target)} accuracy at any abstention rate: {reason}."
    interval = percent_interval(chosen["accuracy_low"], chosen["accuracy_high"])
    reached = "reaches" if chosen["accuracy"] >= target else "misses"
    return (
        f"For {percent(target)} accuracy, {title} would refer {percent(chosen['abstained'])} of the test images to a "
        f"clinician, with the threshold chosen on validation. On the other images it {reached} the target: "
        f"{percent(chosen['accuracy'])} {interval}".strip()
        + "."
    )


def _name(row: Mapping[str, Any]) -> Cell:
    return name_cell(row_title(row))


def _percent_cell(numbers: Mapping[str, Any], name: str) -> Cell:
    cell = number_cell(numbers, name, percent)
    ends = (numbers.get(f"{name}_low"), numbers.get(f"{name}_high"))
    return cell if cell.kind == "reason" else Cell(cell.text, percent_interval(*ends))


def _size_cell(numbers: Mapping[str, Any], name: str) -> Cell:
    cell = number_cell(numbers, name, partial(decimal, digits=2))
    ends = (numbers.get(f"{name}_low"), numbers.get(f"{name}_high"))
    return cell if cell.kind == "reason" else Cell(cell.text, decimal_interval(*ends, digits=2))
