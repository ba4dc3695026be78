"""Table of costs: training time, cold start, latency and size of every finished run."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from lung_cxr.report.numbers import decimal, duration
from lung_cxr.report.rows import evaluated_records, finished_runs, median_of_records, row_title
from lung_cxr.report.tables.table import Cell, Table, merged_reasons, name_cell, number_cell

STARTS = ("load_time_s", "import_s", "load_s", "first_prediction_s")
DIGITS = {"single_image_p50_ms": 1, "single_image_p95_ms": 1, "size_mb": 1, "weights_mb": 1}


def cost_table(evaluations: Mapping[str, Any]) -> Table:
    """Return training time, cold start, latency and sizes of every finished run.

    Args:
        evaluations: Result of `evaluate_grid`.
    """
    rows = []
    for row in finished_runs(evaluations):
        records = evaluated_records(row)
        epochs, seconds = (median_of_records(records, name) for name in ("epochs", "seconds"))
        an_epoch = seconds / epochs if seconds is not None and epochs else None
        starts = [number_cell(row, name, partial(decimal, digits=2)) for name in STARTS]
        others = [number_cell(row, name, partial(decimal, digits=digits)) for name, digits in DIGITS.items()]
        name, times = name_cell(row_title(row)), [Cell(duration(seconds)), Cell(duration(an_epoch))]
        rows.append([name, *times, *merged_reasons([*starts, *others])])
    return Table(
        caption="Cost of a run; medians over its seeds. Training time includes all candidates of a depth search. Load "
        f"time: a new process on the CPU imports Keras and loads the model{_measured(evaluations)}. Latency of a "
        "single image after the first one: median (p50) and 95th percentile (p95). Size: the saved model in 10⁶ bytes, "
        "and its weights alone.",
        head=["Run", "All", "An epoch", "Load time", "Import", "Load", "First image", "p50", "p95", "Saved", "Weights"],
        groups=[("", 1), ("Training time", 2), ("Cold start, s", 4), ("Latency, ms", 2), ("Size, MB", 2)],
        rows=rows,
    )


def _measured(evaluations: Mapping[str, Any]) -> str:
    """Return the number of starts over which a load time is the median; "" where the records do not tell."""
    records = [record for row in finished_runs(evaluations) for record in evaluated_records(row)]
    repeats = sorted({record["load_time_repeats"] for record in records if record.get("load_time_repeats")})
    if not repeats:
        return ""
    return ", measured once" if repeats == [1] else f" (median of {' or '.join(map(str, repeats))} starts)"
