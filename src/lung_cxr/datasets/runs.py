"""The results of runs: those of one backbone under one strategy, and those of many."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from lung_cxr.atomic import atomic_write
from lung_cxr.contracts import predictions as predictions_contract
from lung_cxr.experiments import BASELINE_RUNS
from lung_cxr.training.run.file_names import FAILURE, HISTORY, PREDICTIONS, RECORD
from lung_cxr.training.run.history import read_history

SEED_FOLDER = re.compile(r"seed_\d+")


@dataclass(frozen=True)
class RunResult:
    """One finished or failed run. Tables are read when they are asked for.

    Attributes:
        folder: `07_model_output/<backbone>/<strategy>/seed_<s>`.
        record: `run_record.json`; `record["status"]` is "finished" or "failed".
    """

    folder: Path
    record: dict[str, Any]

    @property
    def finished(self) -> bool:
        """Whether the run has results."""
        return self.record["status"] == "finished"

    @cached_property
    def failure(self) -> str | None:
        """Why the last attempt at this run failed; None where it did not.

        A finished run may have one: its results are of the settings that were asked for, but they could not be
        confirmed or made anew. It then stands in `failure.json`, beside the record.
        """
        if not self.finished:
            return self.record["failure"]
        path = self.folder / FAILURE
        return json.loads(path.read_text(encoding="utf-8"))["failure"] if path.exists() else None

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """`contracts.history`, one row per epoch; None where the run failed before its first epoch ended."""
        path = self.folder / HISTORY
        return read_history(path) if path.exists() else None

    @cached_property
    def predictions(self) -> pd.DataFrame | None:
        """`contracts.predictions` of validation and test images; None where the run failed."""
        path = self.folder / PREDICTIONS
        return predictions_contract.validate(pd.read_parquet(path)) if path.exists() else None


class RunsDataset(AbstractDataset[dict[str, Any], list[RunResult]]):
    """The folder `<backbone>/<strategy>` with its `seed_<s>/run_record.json`.

    Training writes history and predictions itself, epoch by epoch; the record comes last, through `save`, and
    marks the run as done. Results are there to be read while other seeds still train, so no dataset of one
    file would do.

    Args:
        filepath: The folder.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = filepath.removeprefix("file://")
        self.metadata = metadata

    def load(self) -> list[RunResult]:
        """Return the runs that have a record, sorted by seed; an empty list if there is none."""
        records = [(path.parent, json.loads(path.read_text())) for path in self._records()]
        runs = [RunResult(folder, record) for folder, record in records]
        return sorted(runs, key=lambda run: run.record["seed"])

    def save(self, data: dict[str, Any]) -> None:
        """Write one run's record, whole or not at all."""
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        with atomic_write(Path(self._filepath) / f"seed_{data['seed']}" / RECORD) as unfinished:
            unfinished.write_text(text + "\n", encoding="utf-8")

    def _exists(self) -> bool:
        return any(self._records())

    def _records(self) -> Iterator[Path]:
        """Yield the records of the folders `seed_<number>`; other folders, such as backup copies, do not count."""
        for path in Path(self._filepath).glob(f"seed_*/{RECORD}"):
            if SEED_FOLDER.fullmatch(path.parent.name):
                yield path

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class BaselineRunsDataset(AbstractDataset[dict[str, Any], dict[str, list[RunResult]]]):
    """All runs of the pipeline `baselines` that have a record, whichever command did them.

    One entry instead of one per run: `reporting` waits for the runs of the same command, and finds those of earlier
    ones too.

    Args:
        filepath: The folder with `<backbone>/<strategy>/seed_<s>/run_record.json`.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._cells = {
            run.results: RunsDataset(filepath=f"{filepath}/{run.backbone}/{run.strategy}") for run in BASELINE_RUNS
        }
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> dict[str, list[RunResult]]:
        """Return name of the run's entry → its seeds, without the runs that were never started."""
        loaded = {name: cell.load() for name, cell in self._cells.items()}
        return {name: seeds for name, seeds in loaded.items() if seeds}

    def save(self, data: dict[str, Any]) -> None:
        """Write nothing: each run wrote its record when it ended."""

    def _exists(self) -> bool:
        return any(cell.exists() for cell in self._cells.values())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class SweepRunsDataset(AbstractDataset[dict[str, Any], dict[str, list[RunResult]]]):
    """The runs of one backbone's sensitivity analysis: `<backbone>-<setting>/seed_<s>/run_record.json`.

    Args:
        filepath: The folder `07_model_output/sensitivity`.
        backbone: Whose runs.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, backbone: str, metadata: dict[str, Any] | None = None):
        self._filepath, self._backbone = filepath, backbone
        self.metadata = metadata

    def load(self) -> dict[str, list[RunResult]]:
        """Return name of the run → its seeds, of all that have a record; empty where nothing was ever started."""
        names = sorted(runs.name for runs in Path(self._filepath).glob(f"{self._backbone}-*") if runs.is_dir())
        loaded = {name: self._runs(name).load() for name in names}
        return {name: seeds for name, seeds in loaded.items() if seeds}

    def save(self, data: dict[str, Any]) -> None:
        """Write one run's record, whole or not at all."""
        self._runs(data["sensitivity"]["id"]).save(data)

    def _runs(self, name: str) -> RunsDataset:
        return RunsDataset(filepath=f"{self._filepath}/{name}")

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "backbone": self._backbone}
