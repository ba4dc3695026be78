"""Tables of the error analysis: subgroups of the test set, and the external test set."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import METRIC_TITLES, run_title
from lung_cxr.report.numbers import NOTHING, plural
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, metric_cell, name_cell, number_cell, text_cell

VARIABLES = {"sex": "Sex", "age": "Age", "view": "View", "export": "Export", "exam_order": "Exam order"}
SEXES = {"F": "women", "M": "men"}


def subgroup_table(row: Mapping[str, Any]) -> Table:
    """Return accuracy and macro-F1 of one finished run by subgroup of the test set."""
    rows = []
    for one in row["subgroups"]:
        counts = [number_cell(one, name, "{:,}".format) for name in ("images", "patients")]
        metrics = [metric_cell(one, metric) for metric in METRIC_TITLES]
        named = [name_cell(VARIABLES[one["variable"]]), text_cell(SEXES.get(one["subgroup"], one["subgroup"]))]
        rows.append([*named, *merged_reasons([*counts, *metrics])])
    return Table(
        caption="Subgroup analysis of the test set, with intervals over the patients of each subgroup. Macro-F1 is "
        "over the classes that occur in the subgroup, so compare it only between subgroups with the same classes. "
        "Exam order: "
        "periods with equally many images, by exam day; days are shifted by up to a year per patient. Exports are "
        "numbered in the order of their arrival. With so many subgroups, some "
        "differences occur by chance.",
        head=["Variable", "Subgroup", "Images", "Patients", "Accuracy", "Macro-F1"],
        rows=rows,
    )


def external_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return the internal and external results of every run with external predictions; None where there are none."""
    external = evaluations["external"]
    if external is None:
        return None
    own = {(row["backbone"], row["strategy"]): row["metrics"] for row in finished_runs(evaluations)}
    rows = []
    for run in external["runs"]:
        key = Run(run["backbone"], run["strategy"])
        here = [metric_cell(own[key], metric) if key in own else Cell(NOTHING) for metric in METRIC_TITLES]
        there = [metric_cell(run["metrics"], metric) for metric in METRIC_TITLES]
        rows.append([name_cell(run_title(key)), *here, *there])
    return Table(
        caption=f"External validation of the same models on {plural(external['images'], 'image')} of "
        f"{plural(external['patients'], 'patient')} of another catalogue. No patient is in this catalogue. Macro-F1 is "
        "over the classes that occur in each test set.",
        head=["Run", *["Accuracy", "Macro-F1"] * 2],
        groups=[("", 1), ("Internal test set", 2), ("External test set", 2)],
        rows=rows,
    )
