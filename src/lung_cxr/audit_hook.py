"""Hook: audit log of every command that writes the catalogue, and the summary of every refresh."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.io.core import get_filepath_str
from kedro.pipeline import Pipeline

from lung_cxr import audit_log
from lung_cxr.command_errors import exit_code_of, sentence
from lung_cxr.diseases import DISEASES
from lung_cxr.exit_codes import ExitCode
from lung_cxr.hooks import call_on_exit, outputs_of_refresh
from lung_cxr.messages import without_folders
from lung_cxr.report.refresh.refresh_summary import as_paragraph, summarise_refresh


class AuditHook:
    """Logs start and end of every command that writes the catalogue; a killed command has a start only.

    It works with any runner, because it runs in the process of the command and reads only files.
    """

    def __init__(self) -> None:
        self._log: Path | None = None
        self._run: dict[str, Any] = {}
        self._before: dict[str, Any] | None = None

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log the start: command, changed parameters, counts. The lock is held by then, so the counts are certain."""
        if not pipeline.all_outputs() & outputs_of_refresh():
            return
        self._log = catalog.load("intermediate_folder") / audit_log.AUDIT_LOG
        self._run = {"run": run_params["run_id"], "command": command_of(run_params)}
        self._before = count_catalogue(catalog)
        changed = audit_log.changed_parameters(self._log, catalog.load("parameters"))
        audit_log.append(self._log, {**self._run, "event": "start", "parameters": changed, "counts": self._before})
        call_on_exit(self._interrupted)

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log the end and write the summary of a refresh."""
        self._end(pipeline, catalog, None)

    @hook_impl
    def on_pipeline_error(self, error: Exception, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Log the end and write the summary of a refresh that failed."""
        self._end(pipeline, catalog, error)

    def _end(self, pipeline: Pipeline, catalog: DataCatalog, error: Exception | None) -> None:
        if self._log is None:
            return
        code = ExitCode.GOOD if error is None else exit_code_of(error)
        after = count_catalogue(catalog)
        audit_log.append(self._log, {**self._run, "event": "end", "exit_code": int(code), "counts": after})
        self._log = None
        if "refresh_report" in pipeline.all_outputs():
            counts = {"before": self._before, "after": after}
            facts = _facts_of_this_run(catalog)
            summary = summarise_refresh(counts, facts, code, _without_values(error, code), datetime.now(UTC))
            catalog.save("refresh_summary", summary)
            catalog.save("refresh_summary_text", as_paragraph(summary) + "\n")

    def _interrupted(self) -> None:
        """Log the end of a command that was interrupted: Kedro calls no hook after Ctrl-C."""
        if self._log is not None:
            audit_log.append(self._log, {**self._run, "event": "interrupted"})
            self._log = None


def command_of(run_params: dict[str, Any]) -> str:
    """Return the command without its parameters, whose values are logged by name."""
    names = run_params["pipeline_names"] or []
    options = [f"--env {run_params['env']}" if run_params["env"] else "", f"--pipelines {','.join(names)}"]
    return " ".join(["kedro run", *filter(None, options if names else options[:1])])


def count_catalogue(catalog: DataCatalog) -> dict[str, Any] | None:
    """Return the numbers of exports, accepted images, patients and images by class; None without a catalogue.

    A damaged table has no counts either: the command itself reports it.
    """
    try:
        manifest, exports = (catalog.load(f"previous_{name}") for name in ("image_manifest", "known_exports"))
    except Exception:  # any error of the reader on damaged bytes
        return None
    if manifest is None:
        return None
    accepted: pd.DataFrame = manifest[manifest["qc_status"] == "accepted"]
    by_class = accepted["label"].value_counts()
    return {
        "exports": 0 if exports is None else len(exports),
        "images": len(accepted),
        "patients": int(accepted["patient_key"].nunique()),
        "classes": {name: int(by_class.get(name, 0)) for name in DISEASES},
    }


def _facts_of_this_run(catalog: DataCatalog) -> dict[str, Any] | None:
    """Return the report of this refresh; None if it ended before."""
    report: Any = catalog.get("refresh_report")
    path = report._get_versioned_path(report.resolve_save_version())
    return catalog.load("refresh_report") if report._exists_function(get_filepath_str(path, report._protocol)) else None


def _without_values(error: Exception | None, code: ExitCode) -> str:
    """Return the sentence of an error; of an unexpected error only its kind, since a library may quote a value."""
    if error is None:
        return ""
    return type(error).__name__ if code == ExitCode.INTERNAL else without_folders(sentence(error))
