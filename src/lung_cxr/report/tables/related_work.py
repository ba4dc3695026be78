"""Table 5: what the paper lists of other studies, and our own best run below it."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.published import published_methods
from lung_cxr.experiments import Run
from lung_cxr.report.labels import METRIC_TITLES, run_title
from lung_cxr.report.numbers import percent, percent_interval, plural
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.paper_results import judged_in_percent
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell

OURS = "This report"
NO_RUN = "no run has finished"
COLUMNS = ("dataset", "method", "results", "difference")


def best_on_validation(finished: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the run with the highest validation accuracy, macro-F1 deciding a tie: its test numbers chose nothing."""
    return max(finished, key=lambda row: tuple(row["validation"][metric] or 0 for metric in METRIC_TITLES))


def tabulate_methods(evaluations: Mapping[str, Any], synthetic: bool) -> pd.DataFrame:
    """Return Table 5: `study, dataset, method, results, difference` in words, the last row ours.

    Args:
        evaluations: What `evaluate_grid` returned.
        synthetic: Whether any image is made up.

    Returns:
        Also `backbone, strategy` and accuracy and macro-F1 in percent with their interval and spread: of our row
        alone. Without a finished run its `results` and all of these are empty.
    """
    return pd.DataFrame([*published_methods().to_dict(orient="records"), _ours(evaluations, synthetic)])


def methods_table(evaluations: Mapping[str, Any], synthetic: bool) -> Table:
    """Return Table 5 as the page shows it.

    Args:
        evaluations, synthetic: As in `tabulate_methods`.
    """
    frame = tabulate_methods(evaluations, synthetic)
    rows = [[name_cell(row["study"]), *_cells(row)] for row in frame.to_dict(orient="records")]
    return Table(
        caption="What the paper lists of other studies; numbers in brackets are of its list of "
        "references. We have not checked them. Each study has its own images, classes and patients: neither they nor "
        f"the paper's own row can be compared with ours directly. {_about_ours(evaluations)}",
        head=["Study", "Data", "Method", "Results", "What differs"],
        rows=rows,
        rows_below_rule=1,
    )


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    return merged_reasons(
        [Cell(NO_RUN, kind="reason") if pd.isna(row[name]) else Cell(row[name], kind="words") for name in COLUMNS]
    )


def _ours(evaluations: Mapping[str, Any], synthetic: bool) -> dict[str, Any]:
    """Return our row: the run that validation chose, judged on test images."""
    data = f"{'Synthetic images' if synthetic else 'Own catalogue'}, {len(DISEASES)} classes"
    row: dict[str, Any] = {"study": OURS, "dataset": data, **dict.fromkeys(COLUMNS[1:])}
    finished = finished_runs(evaluations)
    if not finished:
        return row
    best = best_on_validation(finished)
    metrics = best["metrics"]
    tested = f"{plural(metrics['images'], 'test image')} of {plural(metrics['patients'], 'patient')}"
    return row | {
        "dataset": f"{data}; {tested}",
        "method": run_title(Run(best["backbone"], best["strategy"])),
        "results": ", ".join(_result(metrics, metric, title) for metric, title in METRIC_TITLES.items()),
        "difference": f"Chosen on validation among {plural(len(finished), 'finished run')}; intervals over patients",
        "backbone": best["backbone"],
        "strategy": best["strategy"],
        **judged_in_percent(metrics),
    }


def _result(metrics: Mapping[str, Any], metric: str, title: str) -> str:
    """Return e.g. "accuracy: 61.2 % [55.0, 67.0]", or why there is no such number."""
    if metrics[metric] is None:
        return f"{title}: {metrics[f'{metric}_reason']}"
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    return f"{title}: {percent(metrics[metric])} {interval}".strip()


def _about_ours(evaluations: Mapping[str, Any]) -> str:
    """Return which run the last row is, and what chose it."""
    finished = finished_runs(evaluations)
    if not finished:
        return "Of ours, no run has finished."
    best = best_on_validation(finished)
    accuracy, macro_f1 = (percent(best["validation"][metric]) for metric in METRIC_TITLES)
    return (
        f"Last row: {run_title(Run(best['backbone'], best['strategy']))}, the run with the highest validation accuracy "
        f"({accuracy}; macro-F1, which decides a tie, {macro_f1}), judged on the test images with "
        f"{100 * evaluations['confidence']:.0f} % intervals."
    )
