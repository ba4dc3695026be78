"""Table of the ensembles: members, results, latency and size."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import decimal, plural
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, metric_cell, name_cell, number_cell, text_cell

COMBINED = {"mean": "mean of probabilities", "greedy_soup": "greedy soup (mean of weights)"}
NO_ENSEMBLE = "None: every row is one network. Metrics, not predictions, are averaged over seeds."


def ensembles_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return a row per ensemble; None without any."""
    if not evaluations["ensembles"]:
        return None
    return Table(
        caption="Ensembles of finished runs on the test set, with intervals over patients. A mean of probabilities "
        "computes all its members for each image; a greedy soup is one network.",
        head=[
            "Ensemble",
            "Members",
            *map(str.capitalize, METRIC_TITLES.values()),
            "Log loss",
            "Latency, ms",
            "Size, MB",
        ],
        rows=[_cells(row) for row in evaluations["ensembles"]],
    )


def ensembles_in_words(evaluations: Mapping[str, Any]) -> str:
    """Return the answer to item 27 of CLAIM."""
    if not (rows := evaluations["ensembles"]):
        return NO_ENSEMBLE
    kinds = ", ".join(f"{row['name']}: {COMBINED[row['combine']]} of {len(row['members'])}" for row in rows)
    return f"{plural(len(rows), 'ensemble')} in a table of their own ({kinds}). Every other row is one network."


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    flips = ", with mirror images" if row["flips"] else ""
    results = [metric_cell(row["metrics"], metric) for metric in METRIC_TITLES]
    log_loss = number_cell(row["metrics"], "log_loss", decimal)
    costs = [number_cell(row, name, partial(decimal, digits=1)) for name in ("single_image_p50_ms", "size_mb")]
    name = name_cell(row["name"], COMBINED[row["combine"]] + flips)
    return [name, text_cell(", ".join(row["members"])), *merged_reasons([*results, log_loss]), *costs]
