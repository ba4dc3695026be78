"""Table 5: other studies as the paper lists them, and our best run by validation accuracy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.published import published_methods
from lung_cxr.report.labels import METRIC_TITLES
from lung_cxr.report.numbers import percent, percent_interval, plural
from lung_cxr.report.rows import best_by_validation_accuracy, finished_runs, in_percent, row_title
from lung_cxr.report.tables.table import Cell, Column, Table, name_cell, table_of

OURS = "This report"
NO_RUN = "no run has finished"
COLUMNS = {"dataset": "Data", "method": "Method", "results": "Results", "difference": "Difference"}


def related_work_frame(evaluations: Mapping[str, Any], synthetic: bool) -> pd.DataFrame:
    """Return Table 5: `study, dataset, method, results, difference` as text; the last row is ours.

    Args:
        evaluations: Result of `evaluate_grid`.
        synthetic: Whether any image is synthetic.

    Returns:
        Also `backbone, strategy` and accuracy and macro-F1 in percent with interval and spread, in our row only.
        Without a finished run its `results` and all of these are empty.
    """
    return pd.DataFrame([*published_methods().to_dict(orient="records"), _ours(evaluations, synthetic)])


def related_work_table(evaluations: Mapping[str, Any], synthetic: bool) -> Table:
    """Return Table 5 from `related_work_frame`."""
    return table_of(
        related_work_frame(evaluations, synthetic),
        [
            Column("Study", lambda row: name_cell(row["study"])),
            *(Column(title, partial(_words, name=name)) for name, title in COLUMNS.items()),
        ],
        "Related work as listed by the paper; numbers in brackets refer to its references, and we have not checked "
        "them. The studies differ in images, classes and patients: no row, including the paper's own, can be compared "
        f"with ours directly. {_about_ours(evaluations)}",
        rows_below_rule=1,
    )


def _words(row: Mapping[str, Any], name: str) -> Cell:
    return Cell(NO_RUN, kind="reason") if pd.isna(row[name]) else Cell(row[name], kind="words")


def _ours(evaluations: Mapping[str, Any], synthetic: bool) -> dict[str, Any]:
    """Return our row: the best run by validation accuracy, with its test results."""
    data = f"{'Synthetic images' if synthetic else 'Own catalogue'}, {len(DISEASES)} classes"
    row: dict[str, Any] = {"study": OURS, **dict.fromkeys(COLUMNS), "dataset": data}
    finished = finished_runs(evaluations)
    if not finished:
        return row
    best = best_by_validation_accuracy(finished)
    metrics = best["metrics"]
    tested = f"{plural(metrics['images'], 'test image')} of {plural(metrics['patients'], 'patient')}"
    return row | {
        "dataset": f"{data}; {tested}",
        "method": row_title(best),
        "results": ", ".join(_result(metrics, metric, title) for metric, title in METRIC_TITLES.items()),
        "difference": f"Best of {plural(len(finished), 'run')} by validation accuracy; intervals over patients",
        "backbone": best["backbone"],
        "strategy": best["strategy"],
        **in_percent(metrics),
    }


def _result(metrics: Mapping[str, Any], metric: str, title: str) -> str:
    """Return e.g. "accuracy: 61.2 % [55.0, 67.0]", or the reason why it is undefined."""
    if metrics[metric] is None:
        return f"{title}: {metrics[f'{metric}_reason']}"
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    return f"{title}: {percent(metrics[metric])} {interval}".strip()


def _about_ours(evaluations: Mapping[str, Any]) -> str:
    """Return the run of the last row and the criterion of its selection."""
    finished = finished_runs(evaluations)
    if not finished:
        return "Ours: no run has finished."
    best = best_by_validation_accuracy(finished)
    accuracy, macro_f1 = (percent(best["validation"][metric]) for metric in METRIC_TITLES)
    return (
        f"Last row: {row_title(best)}, the best run by validation accuracy ({accuracy}; macro-F1 {macro_f1} decides "
        f"ties), with its test results and {100 * evaluations['confidence']:.0f} % intervals."
    )
