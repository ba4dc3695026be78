"""Log finished runs in MLflow from their records: each run once, as a child of the command that finished it.

Nothing is logged while a run trains, so that runs on other machines and interrupted runs are logged like all others.
Parameters are those of the record, in which paths and secrets are replaced; tables with keys are never copied.
"""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.audit_log import recorded
from lung_cxr.locks import wait_lock
from lung_cxr.tracking.store import DATABASE, MODEL_NAME, MODEL_SHA256, RUN, experiment_of, open_store
from lung_cxr.training.run.file_names import DECISION_RULE, HISTORY, MODEL, MODEL_CARD, RECORD

log = logging.getLogger(__name__)

PER_EPOCH = (
    *("train_loss", "val_loss", "val_accuracy", "val_macro_f1", "learning_rate", "unfrozen_groups"),
    *("trainable_parameters", "seconds"),
)
OUTCOMES = (
    *("epochs", "best_epoch", "best_val_loss", "final_train_loss", "unfreezings", "final_unfrozen_groups", "seconds"),
    *("load_time_s", "single_image_p50_ms", "single_image_p95_ms", "size_mb", "weights_mb", "logit_adjustment_tau"),
)
MOST_METRICS, MOST_PARAMETERS = 1000, 100  # of one call of MLflow


@dataclass(frozen=True)
class TrackedRun:
    """A finished run.

    Attributes:
        name: Folder below 06_models and 07_model_output.
        record: Its run record.
        history: `contracts.history`, or None.
        models: Folder of the run in 06_models.
        outputs: Folder of the run in 07_model_output.
    """

    name: str
    record: Mapping[str, Any]
    history: pd.DataFrame | None
    models: Path
    outputs: Path

    @property
    def ended_ms(self) -> int:
        """Return the time at which the run ended: when its record was written, in milliseconds."""
        return int((self.outputs / RECORD).stat().st_mtime * 1000)

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags that identify the run: a run that is trained again has another model."""
        return {RUN: self.name, MODEL_SHA256: str(self.record.get("model_sha256"))}


def log_runs(runs: Sequence[TrackedRun], command: str, data: Path, report: Path | None = None) -> int:
    """Log the runs that MLflow does not hold yet; return their number.

    A run whose logging was interrupted is deleted and logged again. Two commands that log at the same time wait for
    each other.

    Args:
        runs: Finished runs.
        command: Name of the parent run.
        data: Folder with `06_models`; database and artifacts are below it.
        report: Report that the command wrote; it is an artifact of the parent.
    """
    with wait_lock(data / DATABASE, DATABASE):
        client = open_store(data)
        experiment = experiment_of(client, data)
        new = [run for run in runs if not _is_logged(client, experiment, run)]
        if not new and report is None:
            return 0
        parent = client.create_run(experiment, run_name=command).info.run_id
        if report is not None:
            client.log_artifact(parent, str(report))
        for run in new:
            _log(client, experiment, parent, run)
        client.set_terminated(parent)
    return len(new)


def _is_logged(client: Any, experiment: str, run: TrackedRun) -> bool:
    """Return whether MLflow holds the run completely; delete what an interrupted logging has left."""
    same = " and ".join(f"tags.{name} = '{value}'" for name, value in run.tags.items())
    found = client.search_runs([experiment], same)
    for one in found:
        if one.info.status != "FINISHED":
            for version in client.search_model_versions(f"run_id = '{one.info.run_id}'"):
                client.delete_model_version(MODEL_NAME, version.version)
            client.delete_run(one.info.run_id)
    return any(one.info.status == "FINISHED" for one in found)


def _log(client: Any, experiment: str, parent: str, run: TrackedRun) -> None:
    started = run.ended_ms - round(1000 * (run.record.get("seconds") or 0))
    tags = {**run.tags, "mlflow.parentRunId": parent}
    run_id = client.create_run(experiment, start_time=started, tags=tags, run_name=run.name).info.run_id
    _log_numbers(client, run_id, run, started)
    _log_files(client, run_id, run)
    _register(client, run_id, run)
    client.set_terminated(run_id, end_time=run.ended_ms)  # last: it marks the run as complete


def _log_numbers(client: Any, run_id: str, run: TrackedRun, started: int) -> None:
    from mlflow.entities import Metric, Param

    named = {name: run.record.get(name) for name in ("backbone", "strategy", "seed", "fold")}
    settings = recorded({**named, **run.record.get("parameters", {})})
    parameters = [Param(name, str(value)) for name, value in settings.items() if value is not None]
    for start in range(0, len(parameters), MOST_PARAMETERS):
        client.log_batch(run_id, params=parameters[start : start + MOST_PARAMETERS])
    metrics = [Metric(name, value, run.ended_ms, 0) for name, value in _results(run.record)]
    metrics += [Metric(*point) for point in _curves(run.history, started)]
    for start in range(0, len(metrics), MOST_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MOST_METRICS])


def _results(record: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the numbers of the record: outcome, and metrics by subset."""
    numbers = {name: record.get(name) for name in OUTCOMES}
    for subset, metrics in record.get("metrics", {}).items():
        numbers |= {f"{subset}_{name}": value for name, value in metrics.items()}
    for name, value in numbers.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield name, float(value)


def _curves(history: pd.DataFrame | None, started: int) -> Iterator[tuple[str, float, int, int]]:
    """Yield name, value, time in milliseconds and epoch of each known number of the history."""
    if history is None:
        return
    times = started + (1000 * history["seconds"].cumsum()).round().astype(int)
    for name in PER_EPOCH:
        for value, time, epoch in zip(history[name], times, history["epoch"], strict=True):
            if pd.notna(value):
                yield f"epoch_{name}", float(value), int(time), int(epoch)


def _log_files(client: Any, run_id: str, run: TrackedRun) -> None:
    """Log record (without paths), history, model card, decision rule and model."""
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / RECORD
        record.write_text(json.dumps(recorded(run.record), indent=1, ensure_ascii=False), encoding="utf-8")
        client.log_artifact(run_id, str(record))
    for path in (run.outputs / HISTORY, run.models / MODEL_CARD, run.models / DECISION_RULE):
        if path.exists():
            client.log_artifact(run_id, str(path))
    client.log_artifact(run_id, str(run.models / MODEL), "model")


def _register(client: Any, run_id: str, run: TrackedRun) -> None:
    """Add the model to the registry, where an alias such as `champion` can name it."""
    from mlflow.exceptions import MlflowException

    try:
        client.get_registered_model(MODEL_NAME)
    except MlflowException:
        client.create_registered_model(MODEL_NAME)
    source = f"{client.get_run(run_id).info.artifact_uri}/model/{MODEL}"
    client.create_model_version(MODEL_NAME, source, run_id, tags=run.tags, description=run.name)
