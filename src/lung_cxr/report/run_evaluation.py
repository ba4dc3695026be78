"""Evaluation of one run of the grid: its status, and its numbers where it is finished."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.evaluation.internal_results import on_validation
from lung_cxr.evaluation.predictions import evaluate_seeds, frame_matrix
from lung_cxr.evaluation.subgroup_gaps import subgroup_gaps
from lung_cxr.evaluation.subgroups import evaluate_subgroups
from lung_cxr.evaluation.timing import DURATIONS
from lung_cxr.evaluation.uncertainty import evaluate_certainty
from lung_cxr.evaluation.undefined import Numbers, undefined
from lung_cxr.experiments import Run
from lung_cxr.parameters import ReportingParameters
from lung_cxr.report.comparable_seeds import RunResults
from lung_cxr.report.rows import DAMAGED, FAILED, FINISHED, NOT_TRAINED, OTHER_SPLIT
from lung_cxr.training.run.run_rules import Rules

COSTS = (*DURATIONS, "size_mb", "weights_mb")
CURVES = ("epoch", "unfrozen_groups", "learning_rate", "train_loss", "val_loss", "val_macro_f1", "event")


def evaluate_run(
    run: Run,
    seeds: Sequence[RunResults],
    current: Mapping[int, RunResults],
    subgroups: pd.DataFrame,
    settings: ReportingParameters,
    rules: Rules,
) -> dict[str, Any]:
    """Return one run's row: its status, and its numbers where it is finished.

    Args:
        run: Grid point.
        seeds: Results of all its seeds, finished or failed.
        current: Training seed → results on the present test set, all with the same settings and data.
        subgroups: Frame of `subgroups_of_images`.
        settings: Bootstrap and confidence level.
        rules: Decision rules of the runs.

    Returns:
        `backbone, strategy, status, note, seeds, records, warnings`, and of a finished run `metrics` (means over
        seeds), `validation` (accuracy and macro-F1 on validation, means over seeds), `confusion` (counts over all
        seeds), `subgroups`, `gaps` (`subgroup_gaps`), `certainty` (first seed, see `evaluate_certainty`), `curves` (of
        each seed) and the `COSTS` (medians over seeds).
    """
    failures = [f"seed {one.record['seed']}: {reason}" for one in seeds if (reason := problem_of(one))]
    row = {
        "backbone": run.backbone,
        "strategy": run.strategy,
        "status": _status(seeds, current),
        "note": "; ".join(failures),
        "seeds": list(current),
        "records": [{name: value for name, value in one.record.items() if name != "metrics"} for one in seeds],
        "warnings": sorted({warning for one in seeds for warning in one.record.get("warnings", [])}),
    }
    if not current:
        return row
    frames, bootstrap = [rows_of(one, "test") for one in current.values()], settings.bootstrap
    first = next(iter(current.values()))
    assert first.predictions is not None  # a seed without predictions is not evaluated
    return row | {
        "metrics": evaluate_seeds(frames, **bootstrap),
        "validation": on_validation([rows_of(one, "validation") for one in current.values()]),
        "confusion": sum(frame_matrix(frame) for frame in frames),
        "subgroups": evaluate_subgroups(frames, subgroups, **bootstrap),
        "gaps": subgroup_gaps(frames, subgroups, **bootstrap),
        "certainty": evaluate_certainty(first.predictions, rules.of(first), **bootstrap),
        "curves": [_curves(one) for one in current.values()],
        **median_costs([one.record for one in current.values()]),
    }


def _status(seeds: Sequence[RunResults], current: Mapping[int, RunResults]) -> str:
    if current:
        return FINISHED
    if any(one.record["status"] == "failed" for one in seeds):
        return FAILED
    if any(problem_of(one) for one in seeds):
        return DAMAGED
    return OTHER_SPLIT if seeds else NOT_TRAINED


def problem_of(one: RunResults) -> str | None:
    """Return the reason why a seed failed or why its files cannot be used, or None."""
    reason: str | None = one.damage if one.record["status"] == "finished" else one.record["failure"]
    return reason


def rows_of(one: RunResults, subset: str) -> pd.DataFrame:
    """Return the predictions of a seed on the images of a subset."""
    assert one.predictions is not None  # a seed without predictions has a problem and is not evaluated
    return one.predictions[one.predictions["subset"] == subset]


def _curves(one: RunResults) -> dict[str, list[Any]]:
    """Return the columns of a history that the figure of training curves needs."""
    history = pd.DataFrame(columns=CURVES) if one.history is None else one.history
    return {"seed": one.record["seed"], **history[list(CURVES)].to_dict(orient="list")}


def median_costs(records: Sequence[Mapping[str, Any]]) -> Numbers:
    """Return the median over seeds of durations and sizes, or the first seed's reason why there is none.

    An older record may have neither a duration nor a reason.
    """
    costs: Numbers = {}
    for name in COSTS:
        values = [record[name] for record in records if record.get(name) is not None]
        reason = next((record[f"{name}_reason"] for record in records if f"{name}_reason" in record), "not measured")
        costs |= {name: statistics.median(values)} if values else undefined(name, reason)
    return costs
