"""Hook: log the finished runs of a command in MLflow, where the extra `tracking` is installed."""

import logging
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline

from lung_cxr.audit_hook import command_of
from lung_cxr.datasets import RunResult
from lung_cxr.tracking.store import DATABASE, is_installed
from lung_cxr.training.run.file_names import HISTORY
from lung_cxr.training_hooks import runs_of

log = logging.getLogger(__name__)


class TrackingHook:
    """Logs runs and report after the command: from the records, so that any runner and interrupted runs are right."""

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log every finished run of the pipeline that MLflow does not hold yet."""
        if not is_installed():
            return
        runs = _tracked(pipeline, catalog)
        report = _report(catalog) if "report" in pipeline.all_outputs() else None
        if not runs and report is None:
            return
        from lung_cxr.tracking.log_runs import log_runs

        try:
            logged = log_runs(runs, command_of(run_params), catalog.load("model_folder").parent, report)
        except Exception as error:  # results are complete: a fault of MLflow must not fail the command
            log.warning("MLflow: nothing more is logged (%s). Run the command again", type(error).__name__)
        else:
            log.info("MLflow: %d of %d runs are new in %s", logged, len(runs), DATABASE)


def _tracked(pipeline: Pipeline, catalog: DataCatalog) -> list[Any]:
    from lung_cxr.tracking.log_runs import TrackedRun

    finished = [run for _, run in runs_of(pipeline, catalog, also_read=True) if run.finished and _is_sound(run)]
    if not finished:
        return []
    outputs, models = catalog.load("output_folder"), catalog.load("model_folder")
    names = [run.folder.relative_to(outputs).as_posix() for run in finished]
    return [
        TrackedRun(name, run.record, run.history, models / name, run.folder)
        for name, run in zip(names, finished, strict=True)
    ]


def _is_sound(run: RunResult) -> bool:
    """Return whether the files of a run can be read; a reference model has no history."""
    return run.damage is None or not (run.folder / HISTORY).exists()


def _report(catalog: DataCatalog) -> Path:
    dataset: Any = catalog.get("report")
    return Path(dataset._get_load_path())
