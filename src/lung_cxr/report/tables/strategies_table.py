"""All strategies side by side: results and training effort of every run that was started."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from lung_cxr.experiments import BASELINES
from lung_cxr.report.labels import DYNAMIC, METRIC_TITLES, backbone_title, strategy_title
from lung_cxr.report.numbers import NOTHING, duration, percent
from lung_cxr.report.rows import METRIC_COLUMNS, Row, evaluated_records, finished_runs, in_percent, median_of_records
from lung_cxr.report.tables.reference_models import reference_models
from lung_cxr.report.tables.results import REFERENCE, status_cell
from lung_cxr.report.tables.table import Cell, Column, Table, frame_cell, name_cell, percent_cell, table_of, text_cell

EFFORT = ("epochs", "unfreezings", "final_unfrozen_groups", "layer_groups", "seconds")
"""Fields of a run record; the median over several seeds."""


def strategies_frame(evaluations: Mapping[str, Any]) -> pd.DataFrame:
    """Return a row per run of the grid, baselines only where they were started, and the reference models.

    Args:
        evaluations: Result of `evaluate_grid`.

    Returns:
        `backbone, strategy`; `accuracy` and `macro_f1` in percent with interval and spread; `seeds`; medians over the
        seeds of `epochs` and `seconds` (of all candidates of a depth search), `unfreezings`, `final_unfrozen_groups`,
        `layer_groups`; `stop_reason`; `status` and `note`.
    """
    columns = ["backbone", "strategy", *METRIC_COLUMNS, "seeds", *EFFORT, "stop_reason", "status", "note"]
    below = [
        {
            "backbone": one.backbone,
            "strategy": one.name,
            **in_percent(one.metrics),
            "status": REFERENCE,
            "note": one.note,
        }
        for one in reference_models(evaluations)
    ]
    reasons = [f"{metric}_reason" for metric in METRIC_TITLES]
    return pd.DataFrame([*map(_frame_row, evaluations["runs"]), *below]).reindex(columns=[*columns, *reasons])


def strategies_table(evaluations: Mapping[str, Any]) -> Table | None:
    """Return `strategies_frame` of the backbones with a baseline as a table; None where no baseline was started."""
    frame = strategies_frame(evaluations)
    with_baselines = frame.loc[frame["strategy"].isin(BASELINES), "backbone"].unique()
    if not len(with_baselines):
        return None
    frame = frame[frame["backbone"].isin([*with_baselines, ""])]
    columns = [
        Column("Backbone", lambda row: name_cell(backbone_title(row["backbone"]) or "Any")),
        Column("Strategy", lambda row: text_cell(row["strategy"].replace("_", " "))),
        *(
            Column(f"{title.capitalize()}, %", partial(_metric, metric=metric))
            for metric, title in METRIC_TITLES.items()
        ),
        *(Column(name.capitalize(), partial(_effort, name=name)) for name in ("epochs", "unfreezings")),
        Column("m of L", _depth),
        Column("Training", partial(_effort, name="seconds", text=duration)),
        Column("Stop reason", lambda row: status_cell(row) or text_cell("" if _empty(row) else row["stop_reason"])),
    ]
    return table_of(
        frame,
        columns,
        "All strategies, with the same initial head weights, sampling order, augmentation parameters, seed and budget. "
        "m of L: layer groups unfrozen at the end. Training effort: median over the seeds, including all candidates of "
        "a depth search. The paired tests compare dynamic with traditional fine-tuning only. Below the rule: reference "
        "models.",
        int((frame["status"] == REFERENCE).sum()),
    )


def better_baselines(evaluations: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each baseline that is better than dynamic fine-tuning on the same backbone."""
    finished = finished_runs(evaluations)
    dynamic = {row["backbone"]: row["metrics"] for row in finished if row["strategy"] == DYNAMIC}
    sentences = []
    for row in finished:
        ours = dynamic.get(row["backbone"])
        if row["strategy"] not in BASELINES or ours is None:
            continue
        better = [
            f"{title} {percent(row['metrics'][metric])} against {percent(ours[metric])}"
            for metric, title in METRIC_TITLES.items()
            if None not in (row["metrics"][metric], ours[metric]) and row["metrics"][metric] > ours[metric]
        ]
        if better:
            sentences.append(
                f"{backbone_title(row['backbone'])}: {strategy_title(row['strategy'])} is better than dynamic "
                f"fine-tuning: {', '.join(better)}."
            )
    return sentences


def _frame_row(row: Row) -> dict[str, Any]:
    known = {name: row[name] for name in ("backbone", "strategy", "status", "note")}
    if "metrics" not in row:
        return known
    records = evaluated_records(row)
    return known | {
        **in_percent(row["metrics"]),
        "seeds": len(records),
        **{name: median_of_records(records, name) for name in EFFORT},
        "stop_reason": _stop_reasons(records),
    }


def _empty(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == REFERENCE)


def _metric(row: Mapping[str, Any], metric: str) -> Cell:
    return status_cell(row) or percent_cell(row, metric)


def _effort(row: Mapping[str, Any], name: str, text: Any = "{:g}".format) -> Cell:
    return status_cell(row) or frame_cell(row, name, text, "" if _empty(row) else NOTHING)


def _depth(row: Mapping[str, Any]) -> Cell:
    m, groups = (_effort(row, name) for name in ("final_unfrozen_groups", "layer_groups"))
    return Cell(f"{m.text} of {groups.text}") if m.kind == "number" and m.text else m


def _stop_reasons(records: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(dict.fromkeys(str(record.get("stop_reason", NOTHING)) for record in records))
