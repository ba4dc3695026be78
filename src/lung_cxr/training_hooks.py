"""Hooks of commands that train: the closing table of all runs, and the exit code of failed runs."""

from __future__ import annotations

from collections.abc import Iterator
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
from lung_cxr.parameters import SensitivityParameters, SplittingParameters, TrainingParameters
from lung_cxr.report.closing_table import as_text
from lung_cxr.training.run.file_names import MODEL
from lung_cxr.training.strategies.registry import StrategyParameters
from lung_cxr.training.sweep.grid import GridPoint, grid_points

if TYPE_CHECKING:
    from lung_cxr.datasets import RunResult


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
        failures = [
            f"{name}, seed {run.record['seed']}: {run.failure}"
            for name, run in runs_of(pipeline, catalog)
            if run.failure is not None
        ]
        if failures:
            listed = "\n  ".join(failures)
            raise TrainingRunsFailedError(
                f"{len(failures)} training run(s) failed; all others were completed:\n  {listed}"
            )


class RunSummaryHook:
    """Prints one table of all runs at the end of a command that trains."""

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print best epoch, validation loss and test metrics of every run, and the place of the models."""
        runs = [run for _, run in runs_of(pipeline, catalog)]
        if not runs:
            return
        outputs, models = catalog.load("output_folder"), catalog.load("model_folder")
        rows = [(run.folder.relative_to(outputs).as_posix(), run.record) for run in runs]
        click.echo(f"\n{as_text(rows)}\n\nModels: {models.resolve()}/<run>/{MODEL}")


def runs_of(pipeline: Pipeline, catalog: DataCatalog, also_read: bool = False) -> Iterator[tuple[str, RunResult]]:
    """Yield name and results of every run that the pipeline makes and that has a record, by the parameters.

    Args:
        pipeline: Pipeline of the command.
        catalog: Catalogue of the command.
        also_read: Yield also the runs that the pipeline reads, as `reporting` does.
    """
    made = pipeline.datasets() if also_read else pipeline.all_outputs()
    yield from chain(_grid_runs(made, catalog), _fold_runs(made, catalog), _sensitivity_runs(made, catalog))


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
