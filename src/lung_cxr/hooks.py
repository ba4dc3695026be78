"""Hooks: one refresh and one prediction at a time, and what must be said at the end of a run."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.experiments import BASELINE_RUNS, RUNS
from lung_cxr.imaging.catalogue.lock import refuse_half_changed, sole_writer
from lung_cxr.parameters import TrainingParameters

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
            HalfChangedError: A change of the key is not finished.
        """
        self._to_write = pipeline.all_outputs() & _written_by_a_refresh()
        if self._to_write or "pixel_arrays" in pipeline.inputs():
            intermediate = catalog.load("refresh_journal").parent
            if "new_pseudonymisation_key" not in pipeline.inputs():  # what finishes the change may run
                refuse_half_changed(intermediate)
            self._lock.enter_context(sole_writer(intermediate))
        if not self._to_write:
            self._lock.close()

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
            self._lock.enter_context(sole_writer(catalog.load("new_images_workplace")))

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Give it back."""
        self._lock.close()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Give it back."""
        self._lock.close()


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
            report: Any = catalog.get("report")
            path = Path(report._get_load_path()).resolve()
            click.echo(f"\n{catalog.load('comparison')['headline']}\n\nReport: {path}")


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
        path = Path(page._get_versioned_path(page.resolve_save_version()))  # of this very run
        if path.exists():
            click.echo(f"\n{catalog.load('refresh_report')['headline']}\n\nRefresh report: {path.resolve()}")


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
            f"{run.namespace}, seed {one.record['seed']}: {one.failure}"
            for run in RUNS + BASELINE_RUNS
            if run.results in made
            for one in _results(catalog, run.results)
            if one.failure is not None
        ]
        if failures:
            listed = "\n  ".join(failures)
            raise RuntimeError(f"{len(failures)} training run(s) failed; all others went on:\n  {listed}")


def _results(catalog: DataCatalog, name: str) -> list[RunResult]:
    """Return the runs of the seeds that the parameters ask for."""
    seeds = TrainingParameters.model_validate(catalog.load("params:training")).seeds
    return [run for run in catalog.load(name) if run.record["seed"] in seeds]
