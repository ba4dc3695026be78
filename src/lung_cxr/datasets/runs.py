"""Datasets of run results: of one grid point, of all baselines, and of a sensitivity analysis."""

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
from lung_cxr.experiments import BASELINE_RUNS, CROSS_VALIDATED
from lung_cxr.training.run.file_names import FAILURE, HISTORY, PREDICTIONS, RECORD
from lung_cxr.training.run.history import read_history

SEED_FOLDER = re.compile(r"seed_(\d+)")
FOLD_FOLDER = re.compile(r"fold_(\d+)")
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
        return json.loads(path.read_text(encoding="utf-8"))["failure"] if path.exists() else None

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


class RunsDataset(AbstractDataset[dict[str, Any], list[RunResult]]):
    """Results of one grid point: the folder `<backbone>/<strategy>` with `seed_<s>/run_record.json`.

    Training writes history and predictions itself, epoch by epoch. `save` writes the record last; it marks the run as
    done. Finished seeds can be read while others train.

    Args:
        filepath: Folder of the grid point.
        metadata: Not used here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = filepath.removeprefix("file://")
        self.metadata = metadata

    def load(self) -> list[RunResult]:
        """Return the seeds with a record, sorted by seed; damaged records are included with their reason."""
        runs = [RunResult(path.parent, read_record(path)) for path in self._records()]
        return sorted(runs, key=lambda run: run.record["seed"])

    def save(self, data: dict[str, Any]) -> None:
        """Write one run's record (atomic)."""
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
        filepath: Folder with `<backbone>/<strategy>/seed_<s>/run_record.json`.
        metadata: Not used here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._grid_points = {
            run.results: RunsDataset(filepath=f"{filepath}/{run.backbone}/{run.strategy}") for run in BASELINE_RUNS
        }
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> dict[str, list[RunResult]]:
        """Return name of the run's catalogue entry → results of its seeds, without runs that were not started."""
        loaded = {name: runs.load() for name, runs in self._grid_points.items()}
        return {name: seeds for name, seeds in loaded.items() if seeds}

    def save(self, data: dict[str, Any]) -> None:
        """Write nothing: each run writes its own record."""

    def _exists(self) -> bool:
        return any(runs.exists() for runs in self._grid_points.values())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class SweepRunsDataset(AbstractDataset[dict[str, Any], dict[str, list[RunResult]]]):
    """The runs of one backbone's sensitivity analysis: `<backbone>-<setting>/seed_<s>/run_record.json`.

    Args:
        filepath: Folder `07_model_output/sensitivity`.
        backbone: Backbone of the runs.
        metadata: Not used here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, backbone: str, metadata: dict[str, Any] | None = None):
        self._filepath, self._backbone = filepath, backbone
        self.metadata = metadata

    def load(self) -> dict[str, list[RunResult]]:
        """Return name of the run → results of its seeds, for all runs with a record."""
        names = sorted(runs.name for runs in Path(self._filepath).glob(f"{self._backbone}-*") if runs.is_dir())
        loaded = {name: self._runs(name).load() for name in names}
        return {name: seeds for name, seeds in loaded.items() if seeds}

    def save(self, data: dict[str, Any]) -> None:
        """Write one run's record (atomic)."""
        self._runs(data["sensitivity"]["id"]).save(data)

    def _runs(self, name: str) -> RunsDataset:
        return RunsDataset(filepath=f"{self._filepath}/{name}")

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath, "backbone": self._backbone}


class FoldRunsDataset(AbstractDataset[dict[str, Any], dict[int, list[RunResult]]]):
    """The runs of one grid point in a cross-validation: `fold_<k>/seed_<s>/run_record.json`.

    Args:
        filepath: The folder `<backbone>/<strategy>`.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> dict[int, list[RunResult]]:
        """Return fold → its runs that have a record, sorted by seed; empty before the first run."""
        found = {int(match[1]): path for path, match in self._folds() if match}
        loaded = {fold: RunsDataset(filepath=str(path)).load() for fold, path in sorted(found.items())}
        return {fold: runs for fold, runs in loaded.items() if runs}

    def save(self, data: dict[str, Any]) -> None:
        """Write the record of one run atomically."""
        RunsDataset(filepath=f"{self._filepath}/fold_{data['fold']}").save(data)

    def _folds(self) -> Iterator[tuple[Path, re.Match[str] | None]]:
        return ((path, FOLD_FOLDER.fullmatch(path.name)) for path in Path(self._filepath).glob("fold_*"))

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}


class CrossValidationRunsDataset(AbstractDataset[dict[str, Any], dict[str, dict[int, list[RunResult]]]]):
    """All runs of the pipeline `cross_validation` that have a record, of any command.

    Args:
        filepath: The folder with `<backbone>/<strategy>/fold_<k>/seed_<s>/run_record.json`.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._grid = {
            run.fold_results: FoldRunsDataset(filepath=f"{filepath}/{run.backbone}/{run.strategy}")
            for run in CROSS_VALIDATED
        }
        self._filepath = filepath
        self.metadata = metadata

    def load(self) -> dict[str, dict[int, list[RunResult]]]:
        """Return the catalogue entry of a grid point → fold → runs, without grid points that were never started."""
        loaded = {name: dataset.load() for name, dataset in self._grid.items()}
        return {name: folds for name, folds in loaded.items() if folds}

    def save(self, data: dict[str, Any]) -> None:
        """Write nothing: each run wrote its record when it ended."""

    def _exists(self) -> bool:
        return bool(self.load())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._filepath}
