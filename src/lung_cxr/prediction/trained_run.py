"""Find the finished run of `predict.run` and check its model against its record."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.decision_rule import Rule
from lung_cxr.models.saved_model import check_model, load_checked_model, sha256_of_file
from lung_cxr.parameters import DecisionRuleParameters
from lung_cxr.tracking.store import REGISTRY, run_of_model
from lung_cxr.training.run.file_names import MODEL, PREDICTIONS, RECORD, WITHDRAWAL
from lung_cxr.training.run.rule_file import stored_references
from lung_cxr.training.run.run_rules import rule_of_run

if TYPE_CHECKING:  # its module imports Keras
    from lung_cxr.training.data.feed import Images

SUPERSEDED = "superseded"  # folder of runs that later runs replaced, below <backbone>/<strategy>

Predictor = Callable[["Images", np.ndarray, int], tuple[np.ndarray, np.ndarray | None]]
"""Images, their rows, batch size → probabilities (n, 7) and pooled features (n, d), or None without a pooling."""

log = logging.getLogger(__name__)


class NoSuchRunError(ValueError):
    """No finished run has this name; the message lists the finished runs."""


@dataclass(frozen=True)
class TrainedRun:
    """A model and its run.

    Attributes:
        run: Folder of the run below 06_models and 07_model_output: `<backbone>/<strategy>/seed_<s>`.
        model: File of the model.
        model_sha256: SHA-256 of the file, 64 hex digits.
        outputs: Folder of the run in 07_model_output.
    """

    run: str
    model: Path
    model_sha256: str
    outputs: Path

    @property
    def record(self) -> dict[str, Any]:
        """Return the record of the run."""
        return json.loads((self.outputs / RECORD).read_text(encoding="utf-8"))

    @property
    def seed(self) -> int:
        """Return the training seed."""
        return int(self.record["seed"])

    @property
    def size(self) -> int:
        """Return the side of the model's input in pixels."""
        return int(self.record["parameters"]["backbone"]["size"])

    def predictor(self) -> Predictor:
        """Return the function that predicts images with the model, which is loaded now."""
        from lung_cxr.prediction.probabilities import probabilities_and_features  # imports Keras

        return partial(probabilities_and_features, load_checked_model(self.model, self.model_sha256))

    def rule(self, settings: DecisionRuleParameters) -> Rule:
        """Return the decision rule of the run, as the report applies it.

        Args:
            settings: Present targets of the rule.
        """
        return rule_of_run(self.model.parent, self.predictions(), self.record, settings)

    def predictions(self, subset: str | None = None) -> pd.DataFrame:
        """Return `contracts.predictions` of the run, of one subset where it is named."""
        predictions = pd.read_parquet(self.outputs / PREDICTIONS)
        return predictions if subset is None else predictions[predictions["subset"] == subset]

    def references(self) -> np.ndarray | None:
        """Return the (m, d) training features of the rule's distance; None, with a warning, where there are none."""
        found = stored_references(self.model.parent)
        if found is None:
            log.warning("%s has no training features: images unlike training are not recognised", self.run)
        return found


def find_run(
    run: str | None, model_folder: Path, output_folder: Path, experiment: str = "", pipeline: str = "predict"
) -> TrainedRun:
    """Find a finished run and check that its model file is the one that it saved.

    Args:
        run: Value of `<pipeline>.run`; `models:/lung_cxr@<alias>`: the run that has this alias in MLflow.
        experiment: Name of the experiment whose runs count; "": all runs, an experiment's with its name in front.
        model_folder: Folder `06_models`.
        output_folder: Folder `07_model_output`.
        pipeline: Pipeline that asks, named in the error.

    Raises:
        NoSuchRunError: No finished run has this name.
        NoTrackingError: MLflow is not installed, or no model has this alias.
        ModelFileError: The model differs from the record of the run.
    """
    finished = finished_runs(model_folder, output_folder)
    if (run or "").startswith(REGISTRY):
        run = run_of_model(str(run), model_folder.parent)
    name = (run or "").strip("/")
    if experiment:
        finished = [folder for folder in finished if Path(folder).parts[0] == experiment]
        name = f"{experiment}/{name.removeprefix(f'{experiment}/')}"
    if name not in finished:
        raise NoSuchRunError(_message(run, finished, pipeline))
    model = model_folder / name / MODEL
    recorded = json.loads((output_folder / name / RECORD).read_text(encoding="utf-8")).get("model_sha256")
    if recorded is None:
        log.warning("The record of %s holds no hash of its model; the model file cannot be verified", name)
    else:
        check_model(model, recorded)
    if (output_folder / name / WITHDRAWAL).exists():
        log.warning("%s was trained on patients who have withdrawn since; train again and delete it", name)
    return TrainedRun(name, model, recorded or sha256_of_file(model), output_folder / name)


def finished_runs(model_folder: Path, output_folder: Path) -> list[str]:
    """Return the sorted folders of all finished runs with a model, including sweeps."""
    records = {path.parent.relative_to(output_folder): path for path in output_folder.rglob(RECORD)}
    return sorted(
        folder.as_posix()
        for folder, path in records.items()
        if SUPERSEDED not in folder.parts and _is_finished(path) and (model_folder / folder / MODEL).is_file()
    )


def _is_finished(record: Path) -> bool:
    try:
        return json.loads(record.read_text(encoding="utf-8")).get("status") == "finished"
    except json.JSONDecodeError:  # incomplete file
        return False


def _message(run: str | None, finished: list[str], pipeline: str) -> str:
    setting = f"{pipeline}.run"
    found = f"{setting} is not set" if run is None else f"{setting} is {run!r}, not a finished run"
    if not finished and pipeline == "evaluate":
        return (
            f"{found}, and the folder `training_site` of conf/<env>/globals.yml holds no finished run; expected the "
            "data folder of the training site, with 06_models and 07_model_output. Without it, evaluate a bundle: "
            "evaluate.bundle=<folder>"
        )
    if not finished:
        return (
            f"{found}, and no run has finished yet; expected a run with its record and model. Train one first: "
            "`kedro run --pipelines training --namespaces mobilenet.dynamic`"
        )
    return (
        f"{found}; expected one of {', '.join(finished)}. Example: "
        f"`kedro run --pipelines {pipeline} --params {setting}={finished[0]}`"
    )
