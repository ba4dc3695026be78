"""Hooks: what must be said at the end of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.experiments import RUNS
from lung_cxr.parameters import TrainingParameters

if TYPE_CHECKING:
    from lung_cxr.datasets import RunResult


class ReportHook:
    """Ends every command that made a report with its headline and where it is."""

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print both; on lines of their own, so that a terminal makes the path a link."""
        if {"report", "comparison"} <= pipeline.all_outputs():
            report: Any = catalog.get("report")
            path = Path(report._get_load_path()).resolve()
            click.echo(f"\n{catalog.load('comparison')['headline']}\n\nReport: {path}")


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
            for run in RUNS
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
