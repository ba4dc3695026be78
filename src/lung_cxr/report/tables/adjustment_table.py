"""Table of accuracy and macro-F1 with and without post-hoc logit adjustment."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import decimal, percent
from lung_cxr.report.rows import finished_runs, row_title
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell


def adjustment_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return τ and both metrics of every finished run and reference model; None without any."""
    rows = [*finished_runs(evaluations), *evaluations["references"]]
    if not rows:
        return None
    return Table(
        caption="Post-hoc logit adjustment (Menon et al. 2021): τ · ln(class share in training) is subtracted from "
        "each logit. τ has the highest macro-F1 on validation; a negative τ moves towards the large classes. Means "
        "over seeds. No other number of this page is adjusted.",
        head=["Run", "τ", *["Without", "With"] * 2, "With"],
        groups=[("", 2), *((title.capitalize(), 2) for title in METRIC_TITLES.values()), ("Log loss", 1)],
        rows=[_cells(row) for row in rows],
    )


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    plain, adjusted = row["metrics"], row["adjustment"]
    pairs = [
        number_cell(numbers, f"{metric}{end}", percent)
        for metric in METRIC_TITLES
        for numbers, end in ((plain, ""), (adjusted, "_adjusted"))
    ]
    tau = number_cell(adjusted, "tau", partial(decimal, digits=2))
    return [
        name_cell(row_title(row)),
        *merged_reasons([tau, *pairs, number_cell(adjusted, "log_loss_adjusted", decimal)]),
    ]
