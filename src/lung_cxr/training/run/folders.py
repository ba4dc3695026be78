"""The folders of a run: its files, its status, and the archive of superseded results."""

import json
import logging
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lung_cxr.atomic import atomic_write
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.file_names import (
    BEGAN_WITH,
    DECISION_RULE,
    FAILURE,
    FEATURE_REFERENCE,
    HISTORY,
    IDENTITY_FILE,
    MODEL,
    MODEL_CARD,
    PREDICTIONS,
    RECORD,
)
from lung_cxr.training.run.identity import Identity, same_plan, same_run

log = logging.getLogger(__name__)

RunStatus = Literal["up to date", "unfinished", "new"]


@dataclass(frozen=True)
class RunFolders:
    """The two folders of one seed of one run.

    Attributes:
        models: `06_models/<backbone>/<strategy>`.
        outputs: `07_model_output/<backbone>/<strategy>`.
        seed: Seed of the run.
    """

    models: Path
    outputs: Path
    seed: int

    @property
    def model(self) -> Path:
        """The model with the best weights; written after training."""
        return self.models / self._name / MODEL

    @property
    def model_card(self) -> Path:
        """Description of the model in Markdown, made from the record."""
        return self.models / self._name / MODEL_CARD

    @property
    def checkpoints(self) -> CheckpointFolder:
        """Checkpoints of an unfinished run."""
        return CheckpointFolder(self.models / self._name / "checkpoints")

    @property
    def history(self) -> Path:
        """Table with one row per epoch."""
        return self.outputs / self._name / HISTORY

    @property
    def predictions(self) -> Path:
        """Table of the probabilities for validation and test images."""
        return self.outputs / self._name / PREDICTIONS

    @property
    def record(self) -> Path:
        """The run record; its status is `finished` or `failed`."""
        return self.outputs / self._name / RECORD

    @property
    def failure(self) -> Path:
        """Reason of a failed attempt to repeat a finished run, beside that run's valid record."""
        return self.outputs / self._name / FAILURE

    @property
    def identity(self) -> Path:
        """Identity of the run that the other files belong to; written when the run starts."""
        return self.models / self._name / IDENTITY_FILE

    @property
    def began_with(self) -> list[str]:
        """Names of the runs of a sweep that shared the first epoch, this run included; empty if it never started."""
        return read_json(self.models / self._name / BEGAN_WITH).get("runs", [])

    def begin_with(self, runs: list[str]) -> None:
        """Store the names of the runs of a sweep that share the first epoch."""
        with atomic_write(self.models / self._name / BEGAN_WITH) as unfinished:
            unfinished.write_text(json.dumps({"runs": runs}) + "\n", encoding="utf-8")

    def status(self, identity: Identity, force: bool) -> RunStatus:
        """Return whether the run is up to date, unfinished or new.

        Args:
            identity: Identity of the requested run.
            force: Whether to repeat a finished run.
        """
        if self._is_finished() and same_run(self.stored_record(), identity):
            is_complete = self.model.exists() and self.predictions.exists()
            return "up to date" if is_complete and not force else "new"
        return "unfinished" if same_run(read_json(self.identity), identity) else "new"

    def start(self, identity: Identity) -> None:
        """Prepare the folders for a new run; existing files move to `superseded/<UTC time>/`."""
        self.supersede()
        with atomic_write(self.identity) as unfinished:
            unfinished.write_text(json.dumps(identity, indent=2) + "\n")

    def copy_results(self, other: "RunFolders") -> None:
        """Copy model, rule, predictions and history of another run of a sweep that made the same decisions."""
        beside_the_model = [other.model.parent / name for name in (MODEL, DECISION_RULE, FEATURE_REFERENCE)]
        for theirs, ours in (
            *((path, self.model.parent / path.name) for path in beside_the_model if path.exists()),
            (other.predictions, self.predictions),
            (other.history, self.history),
        ):
            with atomic_write(ours) as unfinished:
                shutil.copyfile(theirs, unfinished)

    def keep_results(self, plan: Identity, failure: str) -> bool:
        """Keep or archive existing results after a failed attempt; return whether they stay.

        Results with the same plan stay, and the reason of the failure is stored beside them in `failure.json`: it may
        be temporary, such as a missing weights file. Results of another plan move to `superseded/`, because the new
        record is not theirs. The initial weights are not compared, because they may be the cause of the failure.

        Args:
            plan: Identity of the failed run, without its initial weights.
            failure: Reason of the failure.
        """
        if not self._is_finished():
            return False
        if not same_plan(self.stored_record(), plan):
            self.supersede()
            return False
        with atomic_write(self.failure) as unfinished:
            unfinished.write_text(json.dumps({"failure": failure}, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return True

    def forget_failure(self) -> None:
        """Delete the stored reason of an earlier failure, after a successful attempt."""
        self.failure.unlink(missing_ok=True)

    def stored_record(self) -> dict[str, Any]:
        """Return the record, or {} if there is none."""
        return read_json(self.record)

    def supersede(self) -> None:
        """Move the files of an earlier run to `superseded/<UTC time>/seed_<s>` in the same folder.

        The record moves first: if the process is killed between the two moves, no finished run lacks its model.
        """
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H.%M.%S.%fZ")
        for parent in (self.outputs, self.models):
            folder = parent / self._name
            if folder.is_dir() and any(folder.iterdir()):
                target = parent / "superseded" / now / self._name
                target.parent.mkdir(parents=True)
                folder.rename(target)
                log.info("Moved the files of another run to superseded/%s", now)

    def _is_finished(self) -> bool:
        return self.stored_record().get("status") == "finished"

    @property
    def _name(self) -> str:
        return f"seed_{self.seed}"


def read_json(path: Path) -> dict[str, Any]:
    """Return the contents of a JSON file, or {} if it is missing or damaged."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
