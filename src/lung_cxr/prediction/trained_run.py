"""The finished run that predicts: found by its folder, its model checked against its record."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from lung_cxr.models.saved_model import check_model, sha256_of_file
from lung_cxr.training.run.file_names import MODEL, RECORD, WITHDRAWAL

SUPERSEDED = "superseded"  # below a backbone and a strategy: what later runs took the place of

log = logging.getLogger(__name__)


class NoSuchRunError(ValueError):
    """The run that should predict is not there; the message lists those that are."""


@dataclass(frozen=True)
class TrainedRun:
    """A model and what names it.

    Attributes:
        run: Its folder below 06_models and 07_model_output: `<backbone>/<strategy>/seed_<s>`.
        model: The model's file.
        model_sha256: Of the file, 64 hex digits.
    """

    run: str
    model: Path
    model_sha256: str


def find_run(run: str | None, model_folder: Path, output_folder: Path) -> TrainedRun:
    """Find a finished run and check that its model is the file that was trained.

    Args:
        run: `predict.run`.
        model_folder: `06_models`.
        output_folder: `07_model_output`.

    Raises:
        NoSuchRunError: No finished run has this name.
        ModelFileError: Its model is not the one of its record.
    """
    finished = finished_runs(model_folder, output_folder)
    name = (run or "").strip("/")
    if name not in finished:
        raise NoSuchRunError(_message(run, finished))
    model = model_folder / name / MODEL
    recorded = json.loads((output_folder / name / RECORD).read_text(encoding="utf-8")).get("model_sha256")
    if recorded is None:
        log.warning("The record of %s holds no hash of its model: whether the file is that run's is not known", name)
    else:
        check_model(model, recorded)
    if (output_folder / name / WITHDRAWAL).exists():
        log.warning("%s saw patients who have withdrawn since: train it again, and delete it", name)
    return TrainedRun(name, model, recorded or sha256_of_file(model))


def finished_runs(model_folder: Path, output_folder: Path) -> list[str]:
    """Return the folders of the runs that have finished and have their model, sweeps too, in order of their names."""
    records = {path.parent.relative_to(output_folder): path for path in output_folder.rglob(RECORD)}
    return sorted(
        folder.as_posix()
        for folder, path in records.items()
        if SUPERSEDED not in folder.parts and _is_finished(path) and (model_folder / folder / MODEL).is_file()
    )


def _is_finished(record: Path) -> bool:
    try:
        return json.loads(record.read_text(encoding="utf-8")).get("status") == "finished"
    except json.JSONDecodeError:  # half of one
        return False


def _message(run: str | None, finished: list[str]) -> str:
    found = "predict.run is not set" if run is None else f"predict.run is {run!r}, which is no finished run"
    if not finished:
        return (
            f"{found}, and no run has finished yet; expected one with its record and its model. Train one first: "
            "`kedro run --pipelines training --namespaces mobilenet.dynamic`"
        )
    return (
        f"{found}; expected one of {', '.join(finished)}. Name it: "
        f"`kedro run --pipelines predict --params predict.run={finished[0]}`"
    )
