"""Tables of the error analysis: subgroups of the test set."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.evaluation.subgroups import SMALLEST_GROUP
from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import p_digits, percent, points, points_interval
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, metric_cell, name_cell, number_cell, text_cell

VARIABLES = {
    "sex": "Sex",
    "age": "Age",
    "view": "View",
    "export": "Export",
    "exam_order": "Exam order",
    "redacted": "Redacted text",
    "image_size": "Image size",
}
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


def subgroup_title(one: Mapping[str, Any]) -> str:
    """Return e.g. "women", "age 40–59", "images with redacted text"."""
    name = SEXES.get(one["subgroup"], one["subgroup"])
    if one["variable"] == "sex":
        return name
    if one["variable"] == "redacted":
        return f"images {'with' if name == 'yes' else 'without'} redacted text"
    return f"{VARIABLES[one['variable']].lower()} {name}"


def gap_table(row: Mapping[str, Any]) -> Table:
    """Return the subgroup gaps of one finished run, the smallest adjusted p-value first."""
    rows = []
    for one in row["gaps"]["gaps"]:
        interval = points_interval(100 * one["difference_low"], 100 * one["difference_high"])
        cells = [
            Cell(percent(one["rate"]), f"{one['patients']:,} patients"),
            Cell(percent(one["other_rate"]), f"{one['other_patients']:,} patients"),
            Cell(points(100 * one["difference"]), interval),
            Cell(p_digits(one["p"])),
            Cell(p_digits(one["holm_p"])),
        ]
        rows.append([name_cell(subgroup_title(one)), text_cell(f"{one['class']}, {one['measure']}"), *cells])
    return Table(
        caption="Subgroup gaps: a subgroup against all other images, sensitivity and false-positive rate by class. "
        f"{row['gaps']['tested']} gaps with at least {SMALLEST_GROUP} patients on both sides were tested. p: the "
        "larger one of bootstrap and Fisher's exact test over patients, Holm-adjusted over all gaps. Shown: the "
        "smallest p-values, and the smallest of each variable.",
        head=["Subgroup", "Rate", "In the subgroup", "In the others", "Difference, points", "p", "Holm p"],
        rows=rows,
    )
