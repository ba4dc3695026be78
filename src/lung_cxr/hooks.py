"""Hooks: what must be said at the end of a run."""

from pathlib import Path
from typing import Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.experiments import RUNS
from lung_cxr.parameters import TrainingParameters


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

    A run that fails leaves its reason in its record, and the others go on; without this, the command would seem to have
    succeeded. Only records tell: the hook keeps no state, so any runner will do.
    """

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Look at the records of the runs that the pipeline just did.

        Raises:
            RuntimeError: At least one of them failed.
        """
        made = pipeline.all_outputs()
        failures = [
            f"{run.namespace}, seed {record['seed']}: {record['failure']}"
            for run in RUNS
            if run.results in made
            for record in _records(catalog, run.results)
            if record["status"] == "failed"
        ]
        if failures:
            listed = "\n  ".join(failures)
            raise RuntimeError(f"{len(failures)} training run(s) failed; all others went on:\n  {listed}")


def _records(catalog: DataCatalog, name: str) -> list[dict[str, Any]]:
    """Return the records of the seeds that the parameters ask for."""
    seeds = TrainingParameters.model_validate(catalog.load("params:training")).seeds
    return [run.record for run in catalog.load(name) if run.record["seed"] in seeds]
