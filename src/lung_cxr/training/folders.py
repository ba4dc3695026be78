"""Where a run keeps its files, and what becomes of those it finds there."""

import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lung_cxr.training.atomic import written_whole
from lung_cxr.training.checkpoint import CheckpointFolder
from lung_cxr.training.identity import Identity, same_run

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
        return self.models / self._name / "model.keras"

    @property
    def checkpoints(self) -> CheckpointFolder:
        """Checkpoints of the unfinished run."""
        return CheckpointFolder(self.models / self._name / "checkpoints")

    @property
    def history(self) -> Path:
        """One row per epoch."""
        return self.outputs / self._name / "history.csv"

    @property
    def predictions(self) -> Path:
        """Probabilities for validation and test images."""
        return self.outputs / self._name / "predictions.parquet"

    @property
    def record(self) -> Path:
        """The run record; it marks the run as finished or failed."""
        return self.outputs / self._name / "run_record.json"

    @property
    def identity(self) -> Path:
        """Which run the other files belong to, from its start on."""
        return self.models / self._name / "identity.json"

    def outlook(self, identity: Identity, force: bool) -> Outlook:
        """Tell whether this run is done, begun or new.

        Args:
            identity: Of the run that is wanted.
            force: Do again what is done.
        """
        record = _read(self.record)
        if same_run(record, identity) and record.get("status") == "finished":
            return "new" if force else "up to date"
        return "unfinished" if same_run(_read(self.identity), identity) else "new"

    def start(self, identity: Identity) -> None:
        """Clear the place for a new run: what is there moves to `superseded/<UTC time>/`."""
        self.supersede()
        with written_whole(self.identity) as unfinished:
            unfinished.write_text(json.dumps(identity, indent=2) + "\n")

    def make_way_for_failure(self) -> None:
        """Keep the results of another run from getting the record of one that failed before it began."""
        if _read(self.record).get("status") == "finished":
            self.supersede()

    def supersede(self) -> None:
        """Move what an earlier run left here to `superseded/<UTC time>/seed_<s>`, beside it."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H.%M.%S.%fZ")
        for parent in (self.models, self.outputs):
            folder = parent / self._name
            if folder.is_dir() and any(folder.iterdir()):
                target = parent / "superseded" / now / self._name
                target.parent.mkdir(parents=True)
                folder.rename(target)
                log.info("Moved the files of another run to superseded/%s", now)

    @property
    def _name(self) -> str:
        return f"seed_{self.seed}"


def _read(path: Path) -> dict[str, Any]:
    """Return the JSON file's contents; {} where there is none, or half of one."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
