"""Tables of a cross-validation: pooled results of each strategy, and tests over folds."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.report.labels import backbone_title
from lung_cxr.report.numbers import NOTHING, decimal, p_digits, points, points_interval
from lung_cxr.report.tables.table import Cell, Column, Table, name_cell, table_of, text_cell

METRICS = {"accuracy": ("Accuracy, %", 100, 1), "macro_f1": ("Macro-F1, %", 100, 1), "log_loss": ("Log loss", 1, 3)}
"""Metric → title, factor and digits."""


def pooled_table(results: pd.DataFrame) -> Table | None:
    """Return the pooled results of each grid point, `out_of_fold.RESULT_COLUMNS`; None without cross-validation."""
    if results.empty:
        return None
    columns = [
        Column("Backbone", lambda row: name_cell(backbone_title(row["backbone"]))),
        Column("Strategy", lambda row: text_cell(row["strategy"].replace("_", " "))),
        *(Column(title, partial(_pooled, metric=metric)) for metric, (title, _, _) in METRICS.items()),
        Column("Images", partial(_count, name="images")),
        Column("Seeds", partial(_count, name="seeds")),
    ]
    return table_of(
        results,
        columns,
        "Predictions on the held-out images of all folds, pooled: mean over seeds ± SD over folds, and 95 % interval "
        "over patients. Every patient is held out once.",
    )


def _pooled(row: Mapping[str, Any], metric: str) -> Cell:
    _, factor, digits = METRICS[metric]
    if pd.isna(row[metric]):
        return Cell(row["note"], kind="status")
    number, low, high, sd = (
        f"{factor * row[f'{metric}{end}']:.{digits}f}" for end in ("", "_low", "_high", "_fold_sd")
    )
    return Cell(f"{number} ± {sd}", f"[{low}, {high}]")


def _count(row: Mapping[str, Any], name: str) -> Cell:
    return Cell(NOTHING if pd.isna(row[name]) else f"{int(row[name]):,}")


def fold_test_table(tests: pd.DataFrame) -> Table | None:
    """Return the tests over folds, `out_of_fold.TEST_COLUMNS`; None where no two strategies are comparable."""
    if tests.empty:
        return None
    columns = [
        Column("Backbone", lambda row: name_cell(backbone_title(row["backbone"]))),
        Column("Dynamic minus", lambda row: text_cell(row["other_strategy"].replace("_", " "))),
        Column("Metric", lambda row: text_cell(METRICS[row["metric"]][0])),
        Column("Difference", _difference),
        Column("p", partial(_p_value, name="p")),
        Column("p, Holm", partial(_p_value, name="p_holm")),
    ]
    return table_of(
        tests,
        columns,
        "Mean difference over folds with 95 % interval; t-test corrected for overlapping training sets (Nadeau and "
        "Bengio), p-values adjusted by Holm over the rows of a metric.",
    )


def _difference(row: Mapping[str, Any]) -> Cell:
    _, factor, digits = METRICS[row["metric"]]
    if pd.isna(row["ci_low"]):
        return Cell(row["note"], kind="reason")
    low, high = (factor * row[name] for name in ("ci_low", "ci_high"))
    if digits == 1:
        return Cell(points(factor * row["mean"]), points_interval(low, high))
    return Cell(decimal(row["mean"]), f"[{decimal(low)}, {decimal(high)}]")


def _p_value(row: Mapping[str, Any], name: str) -> Cell:
    return Cell(NOTHING if pd.isna(row[name]) else p_digits(row[name]))
