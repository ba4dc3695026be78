"""Accessors of the rows of `evaluate_grid`: finished runs, the best run by a criterion, records, medians.

A row describes one grid point (a backbone under one strategy) over its training seeds.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import REFERENCE_MODELS, Run
from lung_cxr.report.comparable_seeds import RunResults
from lung_cxr.report.labels import METRIC_TITLES, run_title
from lung_cxr.training.data.label_cue import label_cue

FINISHED, FAILED, DAMAGED = "finished", "failed", "damaged files"
NOT_TRAINED, OTHER_SPLIT = "not yet trained", "tested on another split"

METRIC_COLUMNS = tuple(f"{metric}{end}" for metric in METRIC_TITLES for end in ("", "_low", "_high", "_sd"))
"""Columns of accuracy and macro-F1 in tables of results, in percent."""

OF_SEARCH = {"epochs": "search_epochs", "seconds": "search_seconds"}
"""Fields of a run record that include all candidates of a depth search, where there was one."""

Row = Mapping[str, Any]


def finished_runs(evaluations: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows with results."""
    return [row for row in evaluations["runs"] if row["status"] == FINISHED]


def row_title(row: Row) -> str:
    """Return e.g. "MobileNet, dynamic"."""
    return run_title(Run(row["backbone"], row["strategy"]))


def best_by_validation_accuracy(finished: Sequence[Row]) -> Row:
    """Return the finished row with the highest validation accuracy; validation macro-F1 decides a tie."""
    return max(finished, key=lambda row: tuple(row["validation"][metric] or 0 for metric in METRIC_TITLES))


def fine_tuned(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that are no reference models."""
    return [row for row in rows if row["strategy"] not in REFERENCE_MODELS]


def best_external_run(evaluation: Mapping[str, Any]) -> Row:
    """Return the fine-tuned run of an external validation with the highest validation accuracy.

    Args:
        evaluation: Result of `evaluate_runs`. Without a fine-tuned run, a reference model counts as a run.
    """
    return best_by_validation_accuracy(fine_tuned(evaluation["runs"]) or evaluation["runs"])


def best_by_validation_loss(
    evaluations: Mapping[str, Any], results: Mapping[Run, Sequence[RunResults]]
) -> dict[str, RunResults]:
    """Return the evaluated seed with the lowest validation loss of each backbone.

    Args:
        evaluations: Result of `evaluate_grid`.
        results: Every run of the grid → results of its seeds.
    """
    evaluated = {(row["backbone"], row["strategy"]): row["seeds"] for row in finished_runs(evaluations)}
    best: dict[str, RunResults] = {}
    for run, seeds in results.items():
        for one in seeds:
            if one.record.get("seed") not in evaluated.get(run, ()):
                continue
            if run.backbone not in best or _validation_loss(one) < _validation_loss(best[run.backbone]):
                best[run.backbone] = one
    return best


def _validation_loss(one: RunResults) -> float:
    loss = one.record.get("best_val_loss")
    return math.inf if loss is None else loss


def several_seeds(evaluations: Mapping[str, Any]) -> bool:
    """Return whether any run has more than one evaluated training seed."""
    return any(len(row["seeds"]) > 1 for row in evaluations["runs"])


def evaluated_records(row: Row) -> list[Mapping[str, Any]]:
    """Return the run records of the evaluated seeds; failed seeds and seeds with other settings are left out."""
    return [record for record in row["records"] if record.get("seed") in row["seeds"]]


def first_record(row: Row) -> Mapping[str, Any]:
    """Return the run record of the first evaluated seed of a finished row."""
    return next(record for record in row["records"] if record.get("seed") == row["seeds"][0])


def label_cues(evaluations: Mapping[str, Any]) -> list[str]:
    """Return the label-cue warnings of the evaluated records: one of all records with the same, with medians."""
    by_warning: dict[str, list[Mapping[str, Any]]] = {}
    for record in (record for row in finished_runs(evaluations) for record in evaluated_records(row)):
        by_warning.setdefault(label_cue(_treatment(record)) or "", []).append(record)
    by_warning.pop("", None)
    return [str(label_cue(_treatment(records[0]), _median_cue(records))) for _, records in sorted(by_warning.items())]


def _treatment(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the training parameters of a record, with the sampling of its last stage."""
    training = record["parameters"]["training"]
    return training | {"sampling": record.get("last_sampling", training.get("sampling"))}


def _median_cue(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return `label_cue` with the median of each number, and the class weights of the first record."""
    cues = [record["label_cue"] for record in records if record.get("label_cue")]
    names = {name: None for cue in cues for name in cue if not name.endswith("_reason")}
    weights = records[0].get("effective_class_weights", {})
    return {"label_cue": {name: median_of_records(cues, name) for name in names}, "effective_class_weights": weights}


def median_of_records(records: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the median of a field of run records, or None where no record has it; see `OF_SEARCH`."""
    values = [record.get(OF_SEARCH.get(name, name), record.get(name)) for record in records]
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def images_by_class(row: Row) -> dict[str, int]:
    """Return the number of test images of each class."""
    return {name: sum(counts) // len(row["seeds"]) for name, counts in zip(DISEASES, row["confusion"], strict=True)}


def top_layers(record: Mapping[str, Any]) -> int | None:
    """Return n, the number of unfrozen Keras layers of a traditional run: from a depth search, or of Table 3."""
    known: int | None = record.get("top_layers", record["parameters"]["backbone"].get("top_layers"))
    return known


def in_percent(metrics: Mapping[str, Any]) -> dict[str, float | None]:
    """Return `METRIC_COLUMNS` of a row's metrics in percent, and `<metric>_reason` of an undefined metric."""
    numbers = {name: None if metrics[name] is None else round(100 * metrics[name], 4) for name in METRIC_COLUMNS}
    reasons = {f"{name}_reason": metrics.get(f"{name}_reason") for name in METRIC_TITLES if metrics[name] is None}
    return numbers | reasons
