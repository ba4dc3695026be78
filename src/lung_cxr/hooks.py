"""Hooks: one refresh and one prediction at a time, and what must be said at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.io.core import get_filepath_str
from kedro.pipeline import Pipeline

from lung_cxr.experiments import BACKBONES, BASELINE_RUNS, RUNS, sweep_results
from lung_cxr.imaging.catalogue.key_check import refuse_half_rotated_key
from lung_cxr.locks import catalogue_lock, refuse_while_written
from lung_cxr.parameters import SensitivityParameters, StrategyParameters, TrainingParameters
from lung_cxr.training.sweep.grid import Setting, all_settings

if TYPE_CHECKING:
    from lung_cxr.datasets import RunResult


class SoleWriterHook:
    """Holds the catalogue's lock from before the first node of `ingestion` or `splitting` to after the last.

    Nodes of one run read what others of it have written: a lock around each would let a second run in between. Only the
    process of the command holds it, so any runner will do.
    """

    def __init__(self) -> None:
        self._lock = ExitStack()
        self._to_write: set[str] = set()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Take the lock if the run writes the catalogue or the split; if it only reads the split, look at it.

        Raises:
            CatalogueInUseError: Another run holds it.
            HalfRotatedKeyError: A change of the key is not finished.
        """
        self._to_write = pipeline.all_outputs() & _written_by_a_refresh()
        if not self._to_write and "pixel_arrays" not in pipeline.inputs():
            return
        if "new_pseudonymisation_key" not in pipeline.inputs():  # what finishes the change may run
            refuse_half_rotated_key(catalog.load("previous_key_fingerprint"))
        intermediate = catalog.load("intermediate_folder")
        if self._to_write:
            self._lock.enter_context(catalogue_lock(intermediate))
            at_the_end(self._lock.close)
        else:
            refuse_while_written(intermediate)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str) -> None:
        """Give the lock back after the last output: training goes on for days and writes none of them."""
        self._to_write.discard(dataset_name)
        if not self._to_write:
            self._lock.close()

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Give the lock back; a runner with processes of its own saves unseen."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Give the lock back."""
        self._lock.close()


class SolePredictionHook:
    """Holds the place where new images are worked on, so that a second prediction does not clear it for the first."""

    def __init__(self) -> None:
        self._lock = ExitStack()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Take the lock if the run predicts.

        Raises:
            CatalogueInUseError: Another run does.
        """
        if "new_images_workplace" in pipeline.inputs():
            self._lock.enter_context(catalogue_lock(catalog.load("new_images_workplace")))
            at_the_end(self._lock.close)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Give it back."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Give it back."""
        self._lock.close()


def at_the_end(close: Callable[[], object]) -> None:
    """Call something when the command of this process ends, also by Ctrl-C, of which no hook is told."""
    if command := click.get_current_context(silent=True):
        command.call_on_close(close)


def _written_by_a_refresh() -> set[str]:
    """Names of the datasets that one run at a time may write."""
    from lung_cxr.pipelines import ingestion, splitting

    return ingestion.create_pipeline().all_outputs() | splitting.create_pipeline().all_outputs()


class ReportHook:
    """Ends every command that made a report with its headline and where it is."""

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print both; on lines of their own, so that a terminal makes the path a link."""
        if {"report", "comparison"} <= pipeline.all_outputs():
            dataset: Any = catalog.get("report")
            report = _in_full(dataset, dataset._get_load_path())
            click.echo(f"\n{catalog.load('comparison')['headline']}\n\nReport: {report}")


class RefreshReportHook:
    """Ends every refresh with what it did and where its page is, also one that too many faults have stopped."""

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print both."""
        self._print(pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print both, if the run came so far: then above all there is something to read."""
        self._print(pipeline, catalog)

    def _print(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if not {"refresh_page", "refresh_report"} <= pipeline.all_outputs():
            return
        page: Any = catalog.get("refresh_page")
        path = page._get_versioned_path(page.resolve_save_version())  # of this very run
        if page._exists_function(get_filepath_str(path, page._protocol)):
            click.echo(f"\n{catalog.load('refresh_report')['headline']}\n\nRefresh report: {_in_full(page, path)}")


def _in_full(dataset: Any, path: PurePath) -> str:
    """Return where a dataset's file is, for people."""
    return str(Path(path).resolve()) if dataset._protocol == "file" else f"{dataset._protocol}://{path}"


class FailedRunsHook:
    """Ends a command non-zero when a training run failed.

    A run that fails leaves its reason in its record, or beside the record of results that still hold, and the others go
    on; without this, the command would seem to have succeeded. Only files tell: the hook keeps no state, so any runner
    will do.
    """

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Look at what the runs that the pipeline just did have left.

        Raises:
            RuntimeError: At least one of them failed.
        """
        made = pipeline.all_outputs()
        failures = [
            f"{name}, seed {run.record['seed']}: {run.failure}"
            for name, run in chain(_cells_of_the_grid(made, catalog), _settings_tried(made, catalog))
            if run.failure is not None
        ]
        if failures:
            listed = "\n  ".join(failures)
            raise RuntimeError(f"{len(failures)} training run(s) failed; all others went on:\n  {listed}")


def _cells_of_the_grid(made: set[str], catalog: DataCatalog) -> Iterator[tuple[str, RunResult]]:
    """Name and run of `training` and `baselines`, of the seeds that the parameters ask for."""
    for cell in RUNS + BASELINE_RUNS:
        if cell.results in made:
            yield from ((cell.namespace, run) for run in _of_seeds(catalog.load(cell.results), catalog))


def _settings_tried(made: set[str], catalog: DataCatalog) -> Iterator[tuple[str, RunResult]]:
    """Name and run of `sensitivity`, of the settings and seeds that the parameters ask for."""
    for backbone in BACKBONES:
        if sweep_results(backbone) not in made:
            continue
        sensitivity = SensitivityParameters.model_validate(catalog.load("params:sensitivity"))
        if backbone in sensitivity.backbones:
            runs, settings = catalog.load(sweep_results(backbone)), _settings(sensitivity, catalog)
            for name in (setting.run_name(backbone) for setting in settings):
                yield from ((name, run) for run in _of_seeds(runs.get(name, []), catalog))


def _settings(sensitivity: SensitivityParameters, catalog: DataCatalog) -> list[Setting]:
    dynamic, traditional = (
        StrategyParameters.model_validate(catalog.load(f"params:strategies.{name}"))
        for name in ("dynamic", "traditional")
    )
    return all_settings(sensitivity, dynamic, traditional, _training(catalog))


def _of_seeds(runs: list[RunResult], catalog: DataCatalog) -> list[RunResult]:
    seeds = _training(catalog).seeds
    return [run for run in runs if run.record["seed"] in seeds]


def _training(catalog: DataCatalog) -> TrainingParameters:
    return TrainingParameters.model_validate(catalog.load("params:training"))
