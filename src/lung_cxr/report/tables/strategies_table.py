"""Dynamic and traditional fine-tuning beside every further strategy that was run: results and what they took."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.experiments import BASELINES
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, backbone_title, strategy_title
from lung_cxr.report.numbers import NOTHING, duration, percent
from lung_cxr.report.sentences import finished_runs
from lung_cxr.report.tables.paper_results import JUDGED, YARDSTICK, judged_in_percent
from lung_cxr.report.tables.reference_models import yardstick_cells, yardsticks
from lung_cxr.report.tables.table import Cell, Table, metric_cell, name_cell, text_cell

EFFORT = ("epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "seconds")
"""Numbers of a run record; over several seeds their median."""

OF_SEARCH = {"epochs": "search_epochs", "seconds": "search_seconds"}
"""Where a depth was searched for, all candidates count."""


def tabulate_all_strategies(evaluations: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per run of the grid, the further strategies where they were started, and what none may lose to.

    Args:
        evaluations: What `evaluate_grid` returned.

    Returns:
        `backbone, strategy`; `accuracy` and `macro_f1` in percent with their interval and spread; `seeds`; medians
        over them of `epochs` and `seconds` (of all candidates, where a depth was searched), `unfreezings`,
        `final_unfrozen_groups`, `layer_groups`; `stop_reason`; `status` and `note`.
    """
    columns = ["backbone", "strategy", *JUDGED, "seeds", *EFFORT, "stop_reason", "status", "note"]
    below = [
        {"backbone": one.backbone, "strategy": one.name, **judged_in_percent(one.metrics), "status": YARDSTICK}
        for one in yardsticks(evaluations)
    ]
    return pd.DataFrame([*map(_row, evaluations["runs"]), *below]).reindex(columns=columns)


def all_strategies_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return the page's table over all strategies of the backbones that have a further one; None where none has."""
    shown = {row["backbone"] for row in evaluations["runs"] if row["strategy"] in BASELINES}
    if not shown:
        return None
    rows = [_cells(row) for row in evaluations["runs"] if row["backbone"] in shown]
    below = [one for one in yardsticks(evaluations) if one.backbone in shown or not one.backbone]
    rows += [[name_cell(one.title), text_cell(one.name), *yardstick_cells(one)[1:], Cell("", span=5)] for one in below]
    return Table(
        caption="All strategies share the head's initial weights, the order of the images, the augmentation draws, the "
        "seed and the budget. m of L: layer groups unfrozen at the end. Over several seeds, medians of what it took; "
        "where a depth was searched for, all candidates count. The paired tests are of dynamic against traditional "
        "fine-tuning alone.",
        head=[
            *("Backbone", "Strategy", "Accuracy", "Macro-F1", "Epochs"),
            *("Unfreezings", "m of L", "Training", "Ended by"),
        ],
        rows=rows,
        rows_below_rule=len(below),
    )


def better_baselines(evaluations: Mapping[str, Any]) -> list[str]:
    """Return where a further strategy reached more than dynamic fine-tuning: it must not be hidden in a table."""
    finished = finished_runs(evaluations)
    dynamic = {row["backbone"]: row["metrics"] for row in finished if row["strategy"] == DYNAMIC}
    said = []
    for row in finished:
        ours = dynamic.get(row["backbone"])
        if row["strategy"] not in BASELINES or ours is None:
            continue
        more = [
            f"{title} {percent(row['metrics'][metric])} against {percent(ours[metric])}"
            for metric, title in METRIC_TITLES.items()
            if None not in (row["metrics"][metric], ours[metric]) and row["metrics"][metric] > ours[metric]
        ]
        if more:
            who = strategy_title(row["strategy"])
            said.append(
                f"{backbone_title(row['backbone'])}: {who} reached more than dynamic fine-tuning: {', '.join(more)}."
            )
    return said


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: row[name] for name in ("backbone", "strategy", "status", "note")}
    if "metrics" not in row:
        return known
    records = judged_records(row)
    return known | {
        **judged_in_percent(row["metrics"]),
        "seeds": len(records),
        **{name: median_of_records(records, name) for name in EFFORT},
        "stop_reason": _stop_reasons(records),
    }


def _cells(row: Mapping[str, Any]) -> list[Cell]:
    names = [name_cell(backbone_title(row["backbone"])), text_cell(row["strategy"].replace("_", " "))]
    if "metrics" not in row:
        return [*names, Cell(row["status"], kind="status", span=7)]
    records = judged_records(row)
    epochs, unfreezings, depth, groups, seconds = (median_of_records(records, name) for name in EFFORT)
    return [
        *names,
        *(metric_cell(row["metrics"], metric) for metric in METRIC_TITLES),
        *(Cell(_whole(number)) for number in (epochs, unfreezings)),
        Cell(f"{_whole(depth)} of {_whole(groups)}"),
        Cell(duration(seconds)),
        text_cell(_stop_reasons(records)),
    ]


def judged_records(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the records of a finished row's seeds, without those that failed or were left out."""
    return [record for record in row["records"] if record["seed"] in row["seeds"]]


def median_of_records(records: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the median of a number of the records, that of a search where there was one; None where none has it."""
    values = [record.get(OF_SEARCH.get(name, name), record.get(name)) for record in records]
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _stop_reasons(records: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(str(record.get("stop_reason", NOTHING)) for record in records))


def _whole(number: float | None) -> str:
    return NOTHING if number is None else f"{number:g}"
