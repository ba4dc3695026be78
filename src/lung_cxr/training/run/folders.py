"""Where a run keeps its files, and what becomes of those it finds there."""

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
    FAILURE,
    HISTORY,
    IDENTITY,
    MODEL,
    MODEL_CARD,
    PREDICTIONS,
    RECORD,
)
from lung_cxr.training.run.identity import Identity, same_plan, same_run

log = logging.getLogger(__name__)

Outlook = Literal["up to date", "unfinished", "new"]


@dataclass(frozen=True)
class RunFolders:
    """The two folders of one seed of one run.

    Attributes:
        models: `06_models/<backbone>/<strategy>`.
        outputs: `07_model_output/<backbone>/<strategy>`.
        seed: Of the run.
    """

    models: Path
    outputs: Path
    seed: int

    @property
    def model(self) -> Path:
        """The best model; written when training has ended."""
        return self.models / self._name / MODEL

    @property
    def model_card(self) -> Path:
        """What the model is, for people; made from the record."""
        return self.models / self._name / MODEL_CARD

    @property
    def checkpoints(self) -> CheckpointFolder:
        """Checkpoints of the unfinished run."""
        return CheckpointFolder(self.models / self._name / "checkpoints")

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.outputs / self._name / HISTORY

    @property
    def predictions(self) -> Path:
        """Probabilities for validation and test images."""
        return self.outputs / self._name / PREDICTIONS

    @property
    def record(self) -> Path:
        """The run record; it marks the run as finished or failed."""
        return self.outputs / self._name / RECORD

    @property
    def failure(self) -> Path:
        """Why the last attempt failed, where the results of an earlier one still hold: the record stays theirs."""
        return self.outputs / self._name / FAILURE

    @property
    def identity(self) -> Path:
        """Which run the other files belong to, from its start on."""
        return self.models / self._name / IDENTITY

    @property
    def began_with(self) -> list[str]:
        """The runs of a sweep that this one began with, itself included; none where it never began."""
        return _read(self.models / self._name / BEGAN_WITH).get("runs", [])

    def begin_with(self, runs: list[str]) -> None:
        """Note which runs of a sweep begin together with this one."""
        with atomic_write(self.models / self._name / BEGAN_WITH) as unfinished:
            unfinished.write_text(json.dumps({"runs": runs}) + "\n", encoding="utf-8")

    def outlook(self, identity: Identity, force: bool) -> Outlook:
        """Tell whether this run is done, begun or new.

        Args:
            identity: Of the run that is wanted.
            force: Do again what is done.
        """
        if self._is_finished() and same_run(self.stored_record(), identity):
            is_whole = self.model.exists() and self.predictions.exists()
            return "up to date" if is_whole and not force else "new"
        return "unfinished" if same_run(_read(self.identity), identity) else "new"

    def start(self, identity: Identity) -> None:
        """Clear the place for a new run: what is there moves to `superseded/<UTC time>/`."""
        self.supersede()
        with atomic_write(self.identity) as unfinished:
            unfinished.write_text(json.dumps(identity, indent=2) + "\n")

    def copy_results(self, other: "RunFolders") -> None:
        """Copy model, predictions and history of another run, whose record holds for this one too."""
        for theirs, ours in (
            (other.model, self.model),
            (other.predictions, self.predictions),
            (other.history, self.history),
        ):
            with atomic_write(ours) as unfinished:
                shutil.copyfile(theirs, unfinished)

    def keep_results(self, plan: Identity, failure: str) -> bool:
        """Decide what a failure means for the results that are here; say whether they stay.

        Results of this very plan stay: the attempt failed for a reason that may pass, such as a weights file that was
        not found, and its reason is left beside them in `failure.json`. Those of another plan move to `superseded/`,
        so as not to get the record of this one. The initial weights are not compared: it may be they that failed.

        Args:
            plan: Of the run that failed.
            failure: Why.
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
        """Remove the reason that an earlier attempt left: this one succeeded."""
        self.failure.unlink(missing_ok=True)

    def stored_record(self) -> dict[str, Any]:
        """Return the record; {} where there is none."""
        return _read(self.record)

    def supersede(self) -> None:
        """Move what an earlier run left here to `superseded/<UTC time>/seed_<s>`, beside it.

        The record goes first: a process killed between the two moves leaves no finished run without its model.
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


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON file's contents; {} where there is none, or half of one."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
