"""Nodes of `reporting`: they pass runs, tables and parameters to `lung_cxr.report`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.experiments import GRID, REFERENCE_RUNS, Run
from lung_cxr.parameters import (
    IngestionReportParameters,
    ReportingParameters,
    TrainingParameters,
)
from lung_cxr.report.labels import DYNAMIC, TRADITIONAL


def evaluate_runs(
    split: pd.DataFrame,
    image_manifest: pd.DataFrame,
    model_folder: Path,
    output_folder: Path,
    parameters: ReportingParameters,
    training: TrainingParameters,
    ingestion_report: IngestionReportParameters,
    baseline_runs: dict[str, list[Any]],
    ensemble_runs: dict[str, Any],
    **results: Any,
) -> dict[str, Any]:
    """Evaluate every run of the grid on the present test set.

    Args:
        split: `contracts.split`.
        image_manifest: `contracts.image_manifest`, for the subgroups.
        model_folder: Folder `06_models`, with the decision rules.
        output_folder: Folder `07_model_output`.
        parameters: Bootstrap, subgroups, and path of an external validation.
        training: Targets of the decision rules.
        ingestion_report: Permutation test of the redacted images.
        baseline_runs: `RunResult` of the started runs of `BASELINE_RUNS` and `FURTHER_REFERENCE_RUNS`.
        ensemble_runs: `RunResult` of each ensemble.
        results: `RunResult` of every seed, by the names of `experiments.RUNS` and `LOGISTIC_REGRESSION_RUNS`.
    """
    from lung_cxr.report.comparable_seeds import comparable_seeds
    from lung_cxr.report.evaluations import evaluate_grid
    from lung_cxr.report.external_report.first_screen import read_record
    from lung_cxr.training.run.run_rules import Rules

    rules = Rules(model_folder, output_folder, training.decision_rule)
    found = results | baseline_runs
    manifest = contracts.image_manifest.validate(image_manifest)
    external = read_record(parameters.external) if parameters.external else None
    fitted = {run: found[run.results] for run in REFERENCE_RUNS if found.get(run.results)}
    fitted = {run: comparable_seeds([one for one in seeds if one.finished]) for run, seeds in fitted.items()}
    references = {run: seeds[0].predictions for run, seeds in fitted.items() if seeds}
    return evaluate_grid(
        _grid(found),
        contracts.split.validate(split),
        parameters,
        manifest,
        rules,
        references,
        ensemble_runs,
        external,
        ingestion_report.drift,
    )


def _grid(results: dict[str, list[Any]]) -> dict[Run, list[Any]]:
    """Return the results by run, in the order of the grid."""
    return {run: results[run.results] for run in GRID if run.results in results}


def compare_strategies(run_evaluations: dict[str, Any], known_exports: pd.DataFrame) -> dict[str, Any]:
    """Test dynamic against traditional fine-tuning, and write the headline."""
    from lung_cxr.report import comparison

    return comparison.compare_strategies(run_evaluations, synthetic=_any_synthetic(known_exports))


def tabulate_strategies(run_evaluations: dict[str, Any]) -> tuple[pd.DataFrame, ...]:
    """Return Tables 3 and 4 beside the paper's numbers, the table of all strategies, and the numbers of every class."""
    from lung_cxr.report.tables.class_numbers import class_numbers
    from lung_cxr.report.tables.results import strategy_frame
    from lung_cxr.report.tables.strategies_table import strategies_frame

    return (
        strategy_frame(run_evaluations, TRADITIONAL),
        strategy_frame(run_evaluations, DYNAMIC),
        strategies_frame(run_evaluations),
        class_numbers(run_evaluations),
    )


def tabulate_context(run_evaluations: dict[str, Any], known_exports: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return Table 2 (augmentation) and Table 5 (related work and our best run by validation accuracy)."""
    from lung_cxr.report.tables.augmentation_table import augmentation_frame
    from lung_cxr.report.tables.related_work import related_work_frame

    synthetic = _any_synthetic(known_exports)
    return augmentation_frame(run_evaluations), related_work_frame(run_evaluations, synthetic)


def write_tables(
    run_evaluations: dict[str, Any], table1_distribution: pd.DataFrame, known_exports: pd.DataFrame
) -> list[str]:
    """Return the paper's tables from our runs for a manuscript: each as Markdown and as LaTeX."""
    from lung_cxr.report.tables.manuscript import written_tables

    return written_tables(run_evaluations, table1_distribution, _any_synthetic(known_exports))


def _any_synthetic(known_exports: pd.DataFrame) -> bool:
    return bool(contracts.known_exports.validate(known_exports)["synthetic"].any())


def draw_figures(run_evaluations: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Return Matplotlib figures: Figs. 3, 4 and 5 from our runs, training curves, reliability and abstention."""
    from lung_cxr.report.figures.bars import draw_bars
    from lung_cxr.report.figures.calibration_figures import draw_abstention, draw_reliability
    from lung_cxr.report.figures.confusion_matrix import draw_confusion
    from lung_cxr.report.figures.training_curves import draw_curves

    return (
        draw_bars(run_evaluations, "accuracy"),
        draw_bars(run_evaluations, "macro_f1"),
        draw_confusion(run_evaluations),
        draw_curves(run_evaluations),
        draw_reliability(run_evaluations),
        draw_abstention(run_evaluations),
    )


def draw_grad_cams(
    run_evaluations: dict[str, Any],
    image_manifest: pd.DataFrame,
    image_folder: Path,
    model_folder: Path,
    output_folder: Path,
    parameters: ReportingParameters,
    baseline_runs: dict[str, list[Any]],
    **results: list[Any],
) -> dict[str, Any]:
    """Return the Grad-CAM panels of the best run of each backbone by validation loss.

    Args:
        run_evaluations: Result of `evaluate_runs`.
        image_manifest: `contracts.image_manifest`; decides which images may be shown.
        image_folder: Folder of the image store.
        model_folder: Folder `06_models`.
        output_folder: Folder `07_model_output`.
        parameters: Number of images per class.
        baseline_runs: See `evaluate_runs`.
        results: See `evaluate_runs`.
    """
    from lung_cxr.imaging.catalogue.image_store import ImageStore
    from lung_cxr.report.figures.grad_cam_panels import GradCamSources, draw_all_grad_cams, may_be_shown

    permitted = may_be_shown(contracts.image_manifest.validate(image_manifest))
    sources = GradCamSources(model_folder, output_folder, ImageStore(image_folder), permitted)
    grid = _grid(results | baseline_runs)
    return draw_all_grad_cams(run_evaluations, grid, sources, parameters.grad_cam.images_per_class)


def draw_runs(run_evaluations: dict[str, Any]) -> dict[str, Any]:
    """Return the training curves of each finished run."""
    from lung_cxr.report.figures.training_curves import draw_all_run_curves

    return draw_all_run_curves(run_evaluations)


def write_report(
    run_evaluations: dict[str, Any],
    comparison: dict[str, Any],
    table1_distribution: pd.DataFrame,
    split: pd.DataFrame,
    image_manifest: pd.DataFrame,
    known_exports: pd.DataFrame,
    ingestion_summary: dict[str, Any],
    pooled: pd.DataFrame,
    fold_tests: pd.DataFrame,
    parameters: ReportingParameters,
) -> str:
    """Return the report as one HTML page."""
    from lung_cxr.report.page import Sources, render_report

    sources = Sources(
        evaluations=run_evaluations,
        comparison=comparison,
        table1=table1_distribution,
        split=split,
        image_manifest=contracts.image_manifest.validate(image_manifest),
        known_exports=known_exports,
        ingestion_summary=ingestion_summary,
        pooled=pooled,
        fold_tests=fold_tests,
    )
    return render_report(sources, parameters.title, datetime.now(UTC))
