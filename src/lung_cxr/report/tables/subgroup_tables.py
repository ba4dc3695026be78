"""The page's tables of where a run fails: parts of the test set, and another hospital's images."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import METRIC_TITLES, run_title
from lung_cxr.report.numbers import NOTHING, plural
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, metric_cell, name_cell, number_cell, text_cell

VARIABLES = {"sex": "Sex", "age": "Age", "view": "View", "export": "Export", "exam_order": "Exam order"}
SEXES = {"F": "women", "M": "men"}


def parts_table(row: Mapping[str, Any]) -> Table:
    """Return how one finished run does on the parts of the test set."""
    rows = []
    for part in row["parts"]:
        counts = [number_cell(part, name, "{:,}".format) for name in ("images", "patients")]
        metrics = [metric_cell(part, metric) for metric in METRIC_TITLES]
        named = [name_cell(VARIABLES[part["variable"]]), text_cell(SEXES.get(part["part"], part["part"]))]
        rows.append([*named, *merged_reasons([*counts, *metrics])])
    return Table(
        caption="Parts of the test set, with intervals over each part's patients; macro-F1 is over the classes that "
        "occur in the part, so parts with other classes differ by that too. Exam order: the images cut into equal "
        "parts by exam day, which is shifted by up to a year for each patient. Exports are numbered in the order in "
        "which they came. With so many parts, some differ by chance.",
        head=["Part by", "Part", "Images", "Patients", "Accuracy", "Macro-F1"],
        rows=rows,
    )


def external_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return every run that was predicted on the external test set, beside its own; None where there is none."""
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
        caption=f"The same models on {plural(external['images'], 'image')} of "
        f"{plural(external['patients'], 'patient')} of another catalogue, none of them in training. Macro-F1 is over "
        "the classes that occur, which may be others there.",
        head=["Run", *["Accuracy", "Macro-F1"] * 2],
        groups=[("", 1), ("Own test set", 2), ("External test set", 2)],
        rows=rows,
    )
