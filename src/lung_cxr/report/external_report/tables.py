"""Tables of the external report: results beside the internal test set, classes, recalibration and shift."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import NOTHING, decimal, decimal_interval, percent, plural, points, reason_for
from lung_cxr.report.rows import Row, fine_tuned, images_by_class, row_title
from lung_cxr.report.tables.class_numbers import class_numbers, metrics_of_class
from lung_cxr.report.tables.results import gain_cell
from lung_cxr.report.tables.table import (
    Cell,
    Table,
    merged_reasons,
    metric_cell,
    name_cell,
    number_cell,
    share_cell,
    text_cell,
)

INTERNAL, EXTERNAL = "Internal test set", "External test set"
CLASS_METRICS = {"recall": "Recall", "precision": "Precision", "auroc": "AUROC"}
VERSIONS = {
    "network": "network, not calibrated",
    "rule": "decision rule, as deployed",
    "shares": "and adjusted to the estimated class shares, without labels",
    "fitted": "temperature fitted to the external test set, cross-fitted by patient",
}


def results_table(evaluation: Mapping[str, Any]) -> Table:
    """Return accuracy and macro-F1 of every run on both test sets and their difference, the reference models below."""
    runs = fine_tuned(evaluation["runs"])
    above = runs or evaluation["runs"]
    rows = [_result_cells(row) for row in above]
    rows += [_result_cells(row) for row in evaluation["runs"] if row not in above]
    majority = [
        cell for metric in METRIC_TITLES for cell in (Cell(""), metric_cell(evaluation["majority"], metric), Cell(""))
    ]
    rows.append([name_cell("Majority class", f"always {evaluation['majority_class']}"), *majority])
    rows += _largest_here(evaluation)
    return Table(
        caption=f"External test set: {plural(evaluation['images']['test'], 'image')} of "
        f"{plural(evaluation['patients']['test'], 'patient')} of another hospital than that of training. Difference: "
        f"external minus internal test set, in percentage points. In brackets: {100 * evaluation['confidence']:.0f} % "
        f"intervals over patients ({evaluation['n_resamples']:,} bootstrap resamples). Macro-F1 is over the classes of "
        "each test set. Majority class: the largest of training; the largest external class is known from the labels "
        "only.",
        head=["Run", *[INTERNAL, EXTERNAL, "Difference"] * 2],
        groups=[("", 1), ("Accuracy", 3), ("Macro-F1", 3)],
        rows=rows,
        rows_below_rule=len(rows) - len(above),
    )


def _result_cells(row: Row) -> list[Cell]:
    """Return title, and accuracy and macro-F1 of one run on both test sets with their differences."""
    differences = _in_points(row["differences"])
    of_metric = (
        (metric_cell(row["internal"], metric), metric_cell(row["metrics"], metric), gain_cell(differences, metric))
        for metric in METRIC_TITLES
    )
    return [name_cell(*_two_lines(row)), *(cell for cells in of_metric for cell in cells)]


def _two_lines(row: Row) -> tuple[str, str]:
    """Return the title of a run, and what it has in brackets."""
    title, _, others = row_title(row).partition(" (")
    return title, others.removesuffix(")")


def _largest_here(evaluation: Mapping[str, Any]) -> list[list[Cell]]:
    """Return the row of the largest external class, if it is another one than that of training."""
    shares = evaluation["runs"][0]["class_shares"]["external"]
    largest = max(shares, key=lambda name: shares[name])
    if largest == evaluation["majority_class"]:
        return []
    others = [Cell("") for _ in range(4)]
    return [
        [name_cell("Largest external class", f"always {largest}"), Cell(""), Cell(percent(shares[largest])), *others]
    ]


def classes_table(row: Row, metrics: Sequence[str] = tuple(CLASS_METRICS)) -> Table:
    """Return metrics of every class of one run on both test sets."""
    rows = []
    for (name, images), key in zip(images_by_class(row).items(), CLASS_NAMES_IN_KEYS, strict=True):
        cells = [
            share_cell(side, f"{metric}_{key}") for metric in metrics for side in (row["internal"], row["metrics"])
        ]
        rows.append([name_cell(name), Cell(f"{images:,}"), *merged_reasons(cells)])
    return Table(
        caption="Metrics by class, one against the rest, with intervals over patients. Recall is the sensitivity; "
        "precision is the PPV, which depends on the class shares.",
        head=["Class", "Images", *["Internal", "External"] * len(metrics)],
        groups=[("", 2), *((CLASS_METRICS[metric], 2) for metric in metrics)],
        rows=rows,
    )


def recalibration_table(row: Row) -> Table:
    """Return accuracy, log loss and calibration error of one run before and after recalibration."""
    cells = []
    for name, title in VERSIONS.items():
        numbers = row["recalibration"][name]
        measured = [
            metric_cell(numbers, "accuracy"),
            _with_interval(numbers, "log_loss"),
            number_cell(numbers, "ece", decimal),
        ]
        cells.append([text_cell(title), *merged_reasons(measured)])
    return Table(
        caption="Calibration on the external test set before and after recalibration. ECE: expected calibration "
        "error. Class shares are estimated by expectation maximisation (Saerens et al. 2002). The temperature is "
        "fitted to the labels of other external patients. First seed of the run; intervals over patients.",
        head=["Probabilities", "Accuracy", "Log loss", "ECE"],
        rows=cells,
    )


def shift_table(evaluation: Mapping[str, Any]) -> Table:
    """Return the feature shift of every run, and what other class shares and other images cost."""
    cells = []
    for row in evaluation["runs"]:
        shift, cost = row["feature_shift"], row["cost"]
        parts = [
            number_cell(cost, "expected", percent),
            *(number_cell(cost, name, lambda value: points(100 * value)) for name in ("of_class_shares", "of_images")),
        ]
        shifts = [_with_interval(shift, "auroc"), metric_cell(shift, "unlike_training")]
        cells.append([name_cell(row_title(row)), *shifts, *merged_reasons(parts)])
    return Table(
        caption="Feature shift and its cost. AUROC: a logistic regression on the pooled features tells images of the "
        "two hospitals apart, held-out patients, equal class shares (two-sample classifier test); 0.5 or less means "
        "no shift, 1 complete separation. Unlike training: images that the decision rule refers because their features "
        f"are far from those of training; {percent(evaluation['unlike_training'])} of the validation images are. "
        "Expected accuracy: the recalls of the internal test set under the class "
        "shares of the external test set. The difference in accuracy is the sum of both parts, in points: of the class "
        "shares, and of other images of the same classes.",
        head=["Run", "AUROC", "Unlike training", "Expected accuracy", "Class shares", "Images"],
        groups=[("", 1), ("Feature shift", 2), ("Cost in accuracy", 3)],
        rows=cells,
    )


def shares_table(row: Row) -> Table:
    """Return the class shares of training and of both test sets."""
    shares = row["class_shares"]
    rows = [
        [
            name_cell(name),
            Cell(percent(shares["training"][name])) if shares["training"] else Cell("not recorded", kind="reason"),
            *_internal_share(shares, name),
        ]
        for name in DISEASES
    ]
    return Table(
        caption="Class shares of the images. Difference: external minus internal test set, in points.",
        head=["Class", "Training", INTERNAL, EXTERNAL, "Difference"],
        rows=rows,
    )


def _internal_share(shares: Mapping[str, Any], name: str) -> list[Cell]:
    """Return the cells of a class: its share in the internal and in the external test set, and their difference."""
    external = shares["external"][name]
    if shares["internal"] is None:
        return [Cell("not known", kind="reason"), Cell(percent(external)), Cell(NOTHING)]
    internal = shares["internal"][name]
    return [Cell(percent(internal)), Cell(percent(external)), Cell(points(100 * (external - internal)))]


def class_frame(evaluation: Mapping[str, Any]) -> pd.DataFrame:
    """Return `class_numbers` of the external test set, with the internal metrics as `internal_<metric>`."""
    frame = class_numbers(evaluation)
    internal = [metrics_of_class(row["internal"], key) for row in evaluation["runs"] for key in CLASS_NAMES_IN_KEYS]
    return pd.concat([frame, pd.DataFrame(internal).add_prefix("internal_")], axis=1)


def runs_table(rows: Sequence[Row]) -> Table:
    """Return folder and model file of every evaluated run."""
    cells = [
        [name_cell(folder), Cell(sha256, kind="hash")]
        for row in rows
        for folder, sha256 in zip(row["folders"], row["model_sha256"], strict=True)
    ]
    return Table("Evaluated runs: folder below 06_models, and SHA-256 of the model.", ["Run", "SHA-256"], cells)


def _in_points(differences: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or name.endswith("_reason") else 100 * value for name, value in differences.items()
    }


def _with_interval(numbers: Mapping[str, Any], name: str) -> Cell:
    if reason := reason_for(numbers, name):
        return Cell(reason, kind="reason")
    return Cell(decimal(numbers[name]), decimal_interval(numbers[f"{name}_low"], numbers[f"{name}_high"]))
