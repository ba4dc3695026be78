"""Results of one training seed, read from its folder; a damaged file is a result with its reason."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.contracts import predictions as predictions_contract
from lung_cxr.training.run.file_names import FAILURE, HISTORY, PREDICTIONS, RECORD
from lung_cxr.training.run.history import read_history

REPORTED = ("backbone", "strategy", "parameters", "split_sha256")
"""Fields of a finished record that reporting needs."""
DAMAGED = "damaged"
"""Status of a record that cannot be read."""


@dataclass(frozen=True)
class RunResult:
    """Results of one finished or failed training seed. Its tables are read on first access.

    Attributes:
        folder: `07_model_output/<backbone>/<strategy>/seed_<s>`.
        record: `run_record.json`; its `status` is "finished" or "failed", or "damaged" where the file cannot be read.
    """

    folder: Path
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Return whether the run has results."""
        return self.record["status"] == "finished"

    @cached_property
    def failure(self) -> str | None:
        """Return the reason why the last attempt at this run failed, or None.

        A finished run may have one, in `failure.json`: its results belong to the requested settings, but a later
        attempt could not confirm or repeat them.
        """
        if not self.finished:
            return self.record["failure"]
        path = self.folder / FAILURE
        try:
            return json.loads(path.read_text(encoding="utf-8-sig"))["failure"] if path.exists() else None
        except (ValueError, KeyError, TypeError) as error:
            return _damaged(FAILURE, error)

    @cached_property
    def damage(self) -> str | None:
        """Return the reason why the files of a finished run cannot be used, or None."""
        if missing := [name for name in REPORTED if name not in self.record]:
            return f"{RECORD} lacks {', '.join(missing)}; restore it or train the run again"
        for name, read in ((PREDICTIONS, lambda: self.predictions), (HISTORY, lambda: self.history)):
            if not (self.folder / name).exists():
                return f"{name} is missing; restore it or train the run again"
            try:
                read()
            except Exception as error:  # a damaged file may raise any error; its text may quote identifiers
                return _damaged(name, error)
        return None

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """Return `contracts.history`, one row per epoch; None where the run failed before its first epoch ended."""
        path = self.folder / HISTORY
        return read_history(path) if path.exists() else None

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """Return `contracts.predictions` of validation and test images; None where the run failed."""
        path = self.folder / PREDICTIONS
        return predictions_contract.validate(pd.read_parquet(path)) if path.exists() else None


def _damaged(name: str, error: Exception) -> str:
    return f"{name} is damaged ({type(error).__name__}); restore it or train the run again"


def read_record(path: Path) -> dict[str, Any]:
    """Return a run record; a damaged one has status "damaged", the reason as `failure` and the names of its folder.

    Args:
        path: `<backbone>/<strategy>/seed_<s>/run_record.json`.
    """
    backbone, strategy, folder = path.parts[-4:-1]
    names = {"backbone": backbone, "strategy": strategy, "seed": int(folder.rpartition("_")[2])}
    try:
        record = dict(json.loads(path.read_text(encoding="utf-8-sig")))
        seed, _ = record["seed"], record["status"] == "finished" or record["failure"]
    except (ValueError, KeyError, TypeError) as error:
        return {**names, "status": DAMAGED, "failure": _damaged(RECORD, error)}
    if seed != names["seed"]:
        reason = f"{RECORD} names seed {seed}, but its folder is {folder}; restore it or train the run again"
        return {**names, "status": DAMAGED, "failure": reason}
    return record
