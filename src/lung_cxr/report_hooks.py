"""Hooks that end a command with the headline and the path of the report that it wrote."""

from pathlib import Path, PurePath
from typing import Any

import click
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.io.core import get_filepath_str
from kedro.pipeline import Pipeline

from lung_cxr.export_check.check_findings import ExportCheckError
from lung_cxr.report.check.sentences import as_text

PAGES = {"report": ("comparison", "Report"), "external_report": ("external_evaluation", "External report")}
"""Page → dataset with its headline, and title of the page."""


class ReportHook:
    """Prints the headline and the path of the report at the end of every command that writes one."""

    @hook_impl(tryfirst=True)  # before failed runs end the command
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print both on separate lines, so that a terminal shows the path as a link."""
        for page, (numbers, title) in PAGES.items():
            if {page, numbers} <= pipeline.all_outputs():
                dataset: Any = catalog.get(page)
                report = _full_path(dataset, dataset._get_load_path())
                click.echo(f"\n{catalog.load(numbers)['headline']}\n\n{title}: {report}")


class RefreshReportHook:
    """Prints the headline and the page of every refresh, also of one that too many faults have stopped."""

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print headline and path."""
        self._print(pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print headline and path if the run wrote the page before it failed."""
        self._print(pipeline, catalog)

    def _print(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if not {"refresh_page", "refresh_report"} <= pipeline.all_outputs():
            return
        page: Any = catalog.get("refresh_page")
        path = page._get_versioned_path(page.resolve_save_version())  # of this very run
        if page._exists_function(get_filepath_str(path, page._protocol)):
            click.echo(f"\n{catalog.load('refresh_report')['headline']}\n\nRefresh report: {_full_path(page, path)}")


class CheckReportHook:
    """Prints the table and the findings of the check, and the path of its page."""

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the result of a check without findings."""
        self._print(pipeline, catalog)

    @hook_impl
    def on_pipeline_error(self, error: Exception, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print the result of a check with findings; a check that failed before has no result."""
        if isinstance(error, ExportCheckError):
            self._print(pipeline, catalog)

    def _print(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        if "check_page" in pipeline.all_outputs():
            page: Any = catalog.get("check_page")
            text = as_text(catalog.load("check_report"))
            click.echo(f"\n{text}\n\nCheck report: {_full_path(page, page._get_load_path())}")


def _full_path(dataset: Any, path: PurePath) -> str:
    """Return the absolute path of a dataset's file."""
    return str(Path(path).resolve()) if dataset._protocol == "file" else f"{dataset._protocol}://{path}"
