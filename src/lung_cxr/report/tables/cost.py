"""The page's table of what a run costs: to train, to load, to keep."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.experiments import Run
from lung_cxr.report.labels import run_title
from lung_cxr.report.numbers import decimal, duration
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.strategies_table import judged_records, median_of_records
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell

STARTS = ("load_time_s", "import_s", "load_s", "first_prediction_s")
DIGITS = {"single_image_p50_ms": 1, "single_image_p95_ms": 1, "size_mb": 1, "weights_mb": 1}


def cost_table(evaluations: Mapping[str, Any], load_time_starts: str) -> Table:
    """Return training time, cold start, latency and sizes of every finished run.

    Args:
        evaluations: What `evaluate_grid` returned.
        load_time_starts: Of how many starts a load time is the median, in words.
    """
    rows = []
    for row in finished_runs(evaluations):
        records = judged_records(row)
        epochs, seconds = (median_of_records(records, name) for name in ("epochs", "seconds"))
        an_epoch = seconds / epochs if seconds is not None and epochs else None
        starts = [number_cell(row, name, partial(decimal, digits=2)) for name in STARTS]
        others = [number_cell(row, name, partial(decimal, digits=digits)) for name, digits in DIGITS.items()]
        rows.append(
            [
                name_cell(run_title(Run(row["backbone"], row["strategy"]))),
                Cell(duration(seconds)),
                Cell(duration(an_epoch)),
                *merged_reasons([*starts, *others]),
            ]
        )
    return Table(
        caption="What a run costs; medians over its seeds. Training: of all depths tried, where one was searched for. "
        f"Load time: a new process on the CPU imports Keras and loads the model{load_time_starts}; after that, the "
        "first image, and each further image by itself: half of them took at most p50, 19 of 20 at most p95. Size: the "
        "saved model in 10⁶ bytes, and its weights alone.",
        head=["Run", "All", "An epoch", "Load time", "Import", "Load", "First image", "p50", "p95", "Saved", "Weights"],
        groups=[("", 1), ("Training", 2), ("Cold start, s", 4), ("A further image, ms", 2), ("Size, MB", 2)],
        rows=rows,
    )
