"""Classes and accuracy within each source of images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.report.labels import SHORT_DISEASES
from lung_cxr.report.numbers import NOTHING, percent, percent_interval, points
from lung_cxr.report.rows import Row, row_title
from lung_cxr.report.tables.subgroup_tables import VARIABLES
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, metric_cell, name_cell, number_cell, text_cell

CLASSES_SHOWN = 4


def sources_table(evaluations: Mapping[str, Any], row: Row) -> Table:
    """Return the classes of each source of the test images, its largest class, and the accuracy of one run.

    Args:
        evaluations: Result of `evaluate_grid` or `evaluate_runs`.
        row: Finished row of it.
    """
    of_run = {(one["variable"], one["subgroup"]): one for one in row["subgroups"]}
    rows = []
    for one in _shown(evaluations["sources"]["sources"]):
        numbers, largest = of_run[one["variable"], one["subgroup"]], one["largest_share"]
        cells = [
            number_cell(one, "images", "{:,}".format),
            number_cell(one, "patients", "{:,}".format),
            Cell(_classes(one), kind="words") if largest else number_cell(one, "images", str),
            number_cell(one, "largest_share", percent),
            metric_cell(numbers, "accuracy"),
        ]
        gain = Cell(NOTHING) if largest is None else Cell(points(100 * (numbers["accuracy"] - largest)))
        named = [name_cell(VARIABLES[one["variable"]]), text_cell(one["subgroup"])]
        rows.append([*named, *merged_reasons(cells), gain])
    return Table(
        caption="Classes and accuracy by source of the images: export, and size of the source image (columns × rows), "
        "which differs between devices. Largest class: accuracy of always naming the largest class of the source. "
        "Difference: accuracy minus it, in points. Where it is near zero, the run knows no more of these images than "
        "their source.",
        head=["Variable", "Source", "Images", "Patients", "Classes", "Largest class", "Accuracy", "Difference"],
        rows=rows,
    )


def _shown(sources: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the sources of the variables with several ones; the export where no variable has several."""
    counts = Counter(one["variable"] for one in sources)
    return [one for one in sources if counts[one["variable"]] > 1] or [
        one for one in sources if one["variable"] == "export"
    ]


def source_sentence(evaluations: Mapping[str, Any], row: Row) -> str:
    """Return how far the image size or the export alone tells the class; "" where there is one source only."""
    found = evaluations["sources"]
    several = [
        name
        for name in found["accuracy"]
        if sum(one["variable"] == name for one in found["sources"]) > 1
        and found["accuracy"][name]["accuracy"] > evaluations["majority"]["accuracy"]
    ]
    if not several:
        return ""
    best = max(several, key=lambda name: found["accuracy"][name]["accuracy"])
    numbers = found["accuracy"][best]
    interval = percent_interval(numbers["accuracy_low"], numbers["accuracy_high"])
    source = VARIABLES[best].lower()
    return (
        f"The {source} alone tells part of the class: naming the largest class among the {found['largest_of']} of the "
        f"same {source} is right in {percent(numbers['accuracy'])} {interval} of the images, always naming "
        f"{evaluations['majority_class']} in {percent(evaluations['majority']['accuracy'])}, {row_title(row)} in "
        f"{percent(row['metrics']['accuracy'])}."
    )


def _classes(one: Mapping[str, Any]) -> str:
    """Return the shares of the largest classes of a source, the largest first."""
    counts = sorted(one["classes"].items(), key=lambda pair: -pair[1])
    named = [f"{SHORT_DISEASES[name]} {percent(count / one['images'])}" for name, count in counts[:CLASSES_SHOWN]]
    rest = sum(count for _, count in counts[CLASSES_SHOWN:])
    return ", ".join([*named, *([f"others {percent(rest / one['images'])}"] if rest else [])])
