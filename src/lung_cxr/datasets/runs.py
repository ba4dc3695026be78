"""Datasets of run results: of one grid point, of all baselines, and of a sensitivity analysis."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from lung_cxr.atomic import atomic_write
from lung_cxr.datasets.run_result import RunResult, read_record
from lung_cxr.experiments import BASELINE_RUNS, CROSS_VALIDATED, FURTHER_REFERENCE_RUNS
from lung_cxr.training.run.file_names import RECORD

log = logging.getLogger(__name__)

SEED_FOLDER = re.compile(r"seed_(\d+)")
FOLD_FOLDER = re.compile(r"fold_(\d+)")


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
            run.results: RunsDataset(filepath=f"{filepath}/{run.backbone}/{run.strategy}")
            for run in BASELINE_RUNS + FURTHER_REFERENCE_RUNS
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


class EnsembleRunsDataset(AbstractDataset[dict[str, Any], dict[str, RunResult]]):
    """All ensembles: `<name>/run_record.json` with the predictions beside it.

    Args:
        filepath: Folder `07_model_output/ensemble`.
        metadata: Not used here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = Path(filepath.removeprefix("file://"))
        self.metadata = metadata

    def load(self) -> dict[str, RunResult]:
        """Return the name of each ensemble → its record and predictions; a damaged one is left out with a warning."""
        found = {}
        for path in sorted(self._filepath.glob(f"*/{RECORD}")):
            try:
                result = RunResult(path.parent, dict(json.loads(path.read_text(encoding="utf-8-sig"))))
                is_damaged = result.predictions is None
            except Exception:  # a damaged file may raise any error; its text may quote identifiers
                is_damaged = True
            if is_damaged:
                log.warning("%s is damaged and left out: run the pipeline `ensembles` again", path.parent)
            else:
                found[path.parent.name] = result
        return found

    def save(self, data: dict[str, Any]) -> None:
        """Write the record of one ensemble (atomic)."""
        text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
        with atomic_write(self._filepath / data["strategy"] / RECORD) as unfinished:
            unfinished.write_text(text + "\n", encoding="utf-8")

    def _exists(self) -> bool:
        return any(self._filepath.glob(f"*/{RECORD}"))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


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


class CrossValidationRunsDataset(AbstractDataset[dict[str, Any], dict[str, dict[str, dict[int, list[RunResult]]]]]):
    """All runs of the pipeline `cross_validation` that have a record, of any command and experiment.

    Args:
        filepath: `07_model_output`, with `<backbone>/<strategy>/fold_<k>/seed_<s>/run_record.json`; experiments have
            the same folders in a subfolder of their name.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None):
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, dict[str, dict[int, list[RunResult]]]]:
        """Return experiment ("" first) → catalogue entry of a grid point → fold → runs, without those never started."""
        experiments = sorted({path.parents[4].relative_to(self._filepath).as_posix() for path in self._records()})
        loaded = {name.removeprefix("."): self._grid(self._filepath / name) for name in experiments}
        return {name: grid for name, grid in sorted(loaded.items()) if grid}

    def save(self, data: dict[str, Any]) -> None:
        """Write nothing: each run wrote its record when it ended."""

    def _records(self) -> Iterator[Path]:
        run = f"*/*/fold_*/seed_*/{RECORD}"
        yield from (*self._filepath.glob(run), *self._filepath.glob(f"*/{run}"))

    def _grid(self, folder: Path) -> dict[str, dict[int, list[RunResult]]]:
        places = {run.fold_results: folder / run.backbone / run.strategy for run in CROSS_VALIDATED}
        loaded = {name: FoldRunsDataset(filepath=str(place)).load() for name, place in places.items()}
        return {name: folds for name, folds in loaded.items() if folds}

    def _exists(self) -> bool:
        return any(self._records())

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
