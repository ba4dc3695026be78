"""Hooks: locks of refresh and prediction, the exit code of failed runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.exit_codes import ExitCode
from lung_cxr.experiments import (
    BACKBONES,
    BASELINE_RUNS,
    CROSS_VALIDATED,
    REFERENCE_RUNS,
    RUNS,
    sweep_results,
)
from lung_cxr.imaging.catalogue.key_check import refuse_half_rotated_key
from lung_cxr.locks import catalogue_lock, refuse_while_written
from lung_cxr.parameters import SensitivityParameters, SplittingParameters, TrainingParameters
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training.sweep.grid import GridPoint, grid_points

if TYPE_CHECKING:
    from lung_cxr.datasets import RunResult


class CatalogueLockHook:
    """Holds the catalogue's lock from before the first node of `ingestion` or `splitting` until after the last.

    Nodes of one run read the outputs of its other nodes: a lock around each node would let a second run in between.
    Only the process of the command holds the lock, so the hook works with any runner.
    """

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._to_write: set[str] = set()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Acquire the lock if the run writes the catalogue or the split; only test it if the run reads the split.

        Raises:
            CatalogueInUseError: Another run holds the lock.
            HalfRotatedKeyError: A rotation of the key is not finished.
        """
        self._to_write = pipeline.all_outputs() & outputs_of_refresh()
        if not self._to_write and "pixel_arrays" not in pipeline.inputs():
            return
        if "new_pseudonymisation_key" not in pipeline.inputs():  # key_rotation itself may run
            refuse_half_rotated_key(catalog.load("previous_key_fingerprint"))
        intermediate = catalog.load("intermediate_folder")
        if self._to_write:
            self._lock.enter_context(catalogue_lock(intermediate))
            call_on_exit(self._lock.close)
        else:
            refuse_while_written(intermediate)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Release the lock after the last output: the training that follows takes days and writes none of them."""
        self._to_write.discard(dataset_name)
        if not self._to_write:
            self._lock.close()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Release the lock: a runner with its own processes saves datasets without calling `after_dataset_saved`."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self._lock.close()


class PredictionLockHook:
    """Holds the lock of the folder that a prediction works in, so that a second prediction cannot empty it."""

    def __init__(self) -> None:
        self._lock = ExitStack()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Acquire the lock if the run predicts.

        Raises:
            CatalogueInUseError: Another prediction holds the lock.
        """
        if "new_images_workplace" in pipeline.inputs():
            self._lock.enter_context(catalogue_lock(catalog.load("new_images_workplace")))
            call_on_exit(self._lock.close)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Release the lock."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Release the lock."""
        self._lock.close()


def call_on_exit(close: Callable[[], object]) -> None:
    """Call a function when the command of this process ends, also after Ctrl-C, for which Kedro calls no hook."""
    if command := click.get_current_context(silent=True):
        command.call_on_close(close)


def outputs_of_refresh() -> set[str]:
    """Return the names of the datasets that a refresh writes."""
    from lung_cxr.pipelines import ingestion, splitting

    return ingestion.create_pipeline().all_outputs() | splitting.create_pipeline().all_outputs()


class TrainingRunsFailedError(RuntimeError):
    """At least one training run failed; all others were completed."""

    exit_code = ExitCode.TRAINING


class FailedRunsHook:
    """Ends a command with a non-zero exit code when a training run failed.

    A failed run writes its reason into its record, or beside the record of results that are still valid, and the other
    runs continue; without this hook, the command would seem to have succeeded. The hook reads only files and keeps no
    state, so it works with any runner.
    """

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Check the records of the runs in this pipeline.

        Raises:
            TrainingRunsFailedError: At least one run failed.
        """
        made = pipeline.all_outputs()
        failures = [
            f"{name}, seed {run.record['seed']}: {run.failure}"
            for name, run in chain(
                _grid_runs(made, catalog), _fold_runs(made, catalog), _sensitivity_runs(made, catalog)
            )
            if run.failure is not None
        ]
        if failures:
            listed = "\n  ".join(failures)
            raise TrainingRunsFailedError(
                f"{len(failures)} training run(s) failed; all others were completed:\n  {listed}"
            )


def _grid_runs(made: set[str], catalog: DataCatalog) -> Iterator[tuple[str, RunResult]]:
    """Yield name and run of `training` and `baselines`, for the seeds in the parameters."""
    for grid_point in RUNS + BASELINE_RUNS + REFERENCE_RUNS:
        if grid_point.results in made:
            yield from ((grid_point.namespace, run) for run in _with_seeds(catalog.load(grid_point.results), catalog))


def _fold_runs(made: set[str], catalog: DataCatalog) -> Iterator[tuple[str, RunResult]]:
    """Yield name and run of `cross_validation`, for the folds and seeds in the parameters."""
    for grid_point in CROSS_VALIDATED:
        if grid_point.fold_results not in made:
            continue
        n_folds = SplittingParameters.model_validate(catalog.load("params:splitting")).n_folds or 0
        for fold, runs in catalog.load(grid_point.fold_results).items():
            if fold <= n_folds:
                yield from ((f"{grid_point.namespace}, fold {fold}", run) for run in _with_seeds(runs, catalog))


def _sensitivity_runs(made: set[str], catalog: DataCatalog) -> Iterator[tuple[str, RunResult]]:
    """Yield name and run of `sensitivity`, for the grid points and seeds in the parameters."""
    for backbone in BACKBONES:
        if sweep_results(backbone) not in made:
            continue
        sensitivity = SensitivityParameters.model_validate(catalog.load("params:sensitivity"))
        if backbone in sensitivity.backbones:
            runs, grid = catalog.load(sweep_results(backbone)), _grid_points(sensitivity, catalog)
            for name in (point.run_name(backbone) for point in grid):
                yield from ((name, run) for run in _with_seeds(runs.get(name, []), catalog))


def _grid_points(sensitivity: SensitivityParameters, catalog: DataCatalog) -> list[GridPoint]:
    dynamic, traditional = (
        StrategyParameters.model_validate(catalog.load(f"params:strategies.{name}"))
        for name in ("dynamic", "traditional")
    )
    return grid_points(sensitivity, dynamic, traditional, _training(catalog))


def _with_seeds(runs: list[RunResult], catalog: DataCatalog) -> list[RunResult]:
    seeds = _training(catalog).seeds
    return [run for run in runs if run.record["seed"] in seeds]


def _training(catalog: DataCatalog) -> TrainingParameters:
    return TrainingParameters.model_validate(catalog.load("params:training"))
