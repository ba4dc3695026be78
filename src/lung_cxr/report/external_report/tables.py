"""Tables of the external report: results beside the internal test set, classes, recalibration and shift."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import CLASS_NAMES_IN_KEYS
from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import NOTHING, decimal, decimal_interval, percent, plural, points, reason_for
from lung_cxr.report.rows import Row, images_by_class, row_title
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

INTERNAL, EXTERNAL = "Internal test set", "This hospital"
VERSIONS = {
    "network": "network, not calibrated",
    "rule": "decision rule, as deployed",
    "shares": "and adjusted to the estimated class shares, without labels",
    "fitted": "temperature fitted here, cross-fitted by patient",
}


def results_table(evaluation: Mapping[str, Any]) -> Table:
    """Return accuracy and macro-F1 of every run at both hospitals and their difference, the majority class below."""
    rows = [
        [
            name_cell(*_two_lines(row)),
            *(
                cell
                for metric in METRIC_TITLES
                for cell in (
                    metric_cell(row["internal"], metric),
                    metric_cell(row["metrics"], metric),
                    gain_cell(_in_points(row["differences"]), metric),
                )
            ),
        ]
        for row in evaluation["runs"]
    ]
    majority = [
        cell for metric in METRIC_TITLES for cell in (Cell(""), metric_cell(evaluation["majority"], metric), Cell(""))
    ]
    rows.append([name_cell("Majority class", f"always {evaluation['majority_class']}"), *majority])
    rows += _largest_here(evaluation)
    return Table(
        caption=f"Images of this hospital: {plural(evaluation['images']['test'], 'image')} of "
        f"{plural(evaluation['patients']['test'], 'patient')}. Difference: this hospital minus the internal test set, "
        f"in percentage points. In brackets: {100 * evaluation['confidence']:.0f} % intervals over patients "
        f"({evaluation['n_resamples']:,} bootstrap resamples). Macro-F1 is over the classes of each hospital. Majority "
        "class: the largest of training; the largest class here is known from the labels only.",
        head=["Run", *[INTERNAL, EXTERNAL, "Difference"] * 2],
        groups=[("", 1), ("Accuracy", 3), ("Macro-F1", 3)],
        rows=rows,
        rows_below_rule=len(rows) - len(evaluation["runs"]),
    )


def _two_lines(row: Row) -> tuple[str, str]:
    """Return the title of a run, and what it has in brackets."""
    title, _, others = row_title(row).partition(" (")
    return title, others.removesuffix(")")


def _largest_here(evaluation: Mapping[str, Any]) -> list[list[Cell]]:
    """Return the row of this hospital's largest class, if it is another one than that of training."""
    shares = evaluation["runs"][0]["class_shares"]["external"]
    largest = max(shares, key=lambda name: shares[name])
    if largest == evaluation["majority_class"]:
        return []
    others = [Cell("") for _ in range(4)]
    return [[name_cell("Largest class here", f"always {largest}"), Cell(""), Cell(percent(shares[largest])), *others]]


def classes_table(row: Row) -> Table:
    """Return recall, precision and AUROC of every class of one run at both hospitals."""
    rows = []
    for (name, images), key in zip(images_by_class(row).items(), CLASS_NAMES_IN_KEYS, strict=True):
        cells = [
            share_cell(side, f"{metric}_{key}")
            for metric in ("recall", "precision", "auroc")
            for side in (row["internal"], row["metrics"])
        ]
        rows.append([name_cell(name), Cell(f"{images:,}"), *merged_reasons(cells)])
    return Table(
        caption="Metrics by class, one against the rest, with intervals over patients. Recall is the sensitivity; "
        "precision is the PPV, which depends on the class shares.",
        head=["Class", "Images", *["Internal", "External"] * 3],
        groups=[("", 2), ("Recall", 2), ("Precision", 2), ("AUROC", 2)],
        rows=rows,
    )


def recalibration_table(rows: Sequence[Row]) -> Table:
    """Return accuracy, log loss and calibration error of every run before and after recalibration."""
    cells = []
    for row in rows:
        for name, title in VERSIONS.items():
            numbers = row["recalibration"][name]
            measured = [
                metric_cell(numbers, "accuracy"),
                _with_interval(numbers, "log_loss"),
                number_cell(numbers, "ece", decimal),
            ]
            cells.append([name_cell(row_title(row)), text_cell(title), *merged_reasons(measured)])
    return Table(
        caption="Calibration on the images of this hospital before and after recalibration. ECE: expected calibration "
        "error. Class shares are estimated by expectation maximisation (Saerens et al. 2002). The temperature is "
        "fitted to the labels of other patients of this hospital. First seed of each run; intervals over patients.",
        head=["Run", "Probabilities", "Accuracy", "Log loss", "ECE"],
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
        "shares of this hospital. The difference in accuracy is the sum of both parts, in points: of the class "
        "shares, and of other images of the same classes.",
        head=["Run", "AUROC", "Unlike training", "Expected accuracy", "Class shares", "Images"],
        groups=[("", 1), ("Feature shift", 2), ("Cost in accuracy", 3)],
        rows=cells,
    )


def shares_table(row: Row) -> Table:
    """Return the class shares of training, of the internal test set and of this hospital."""
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
        caption="Class shares of the images. Difference: this hospital minus the internal test set, in points.",
        head=["Class", "Training", INTERNAL, EXTERNAL, "Difference"],
        rows=rows,
    )


def _internal_share(shares: Mapping[str, Any], name: str) -> list[Cell]:
    """Return the cells of a class: its share in the internal test set, at this hospital, and their difference."""
    external = shares["external"][name]
    if shares["internal"] is None:
        return [Cell("not known", kind="reason"), Cell(percent(external)), Cell(NOTHING)]
    internal = shares["internal"][name]
    return [Cell(percent(internal)), Cell(percent(external)), Cell(points(100 * (external - internal)))]


def class_frame(evaluation: Mapping[str, Any]) -> pd.DataFrame:
    """Return `class_numbers` of this hospital, and the metrics of the internal test set as `internal_<metric>`."""
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
