"""Nodes of `reporting`: they hand runs, tables and settings to `lung_cxr.report`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from fsspec.core import url_to_fs

from lung_cxr import contracts
from lung_cxr.experiments import BACKBONES, GRID, Run, reference_predictions
from lung_cxr.parameters import ReportingParameters
from lung_cxr.report.labels import DYNAMIC, TRADITIONAL


def evaluate_runs(
    split: pd.DataFrame,
    image_manifest: pd.DataFrame,
    parameters: ReportingParameters,
    baseline_runs: dict[str, list[Any]],
    **results: Any,
) -> dict[str, Any]:
    """Judge every run of the grid on the present test set.

    Args:
        split: The present split.
        image_manifest: Who and what is on the images, for the parts of the test set.
        parameters: How to resample, what parts to look at, and where predictions of an external test set are.
        baseline_runs: `RunResults` of those runs of `experiments.BASELINE_RUNS` that were started.
        results: `RunResults` of every seed, named as in `experiments.RUNS`; and the predictions of the logistic
            regression of every backbone, named by `experiments.reference_predictions`, None if it was never fitted.
    """
    from lung_cxr.report.evaluations import evaluate_grid

    of_grid = _of_grid(results | baseline_runs)
    manifest = contracts.image_manifest.validate(image_manifest)
    external = _external_predictions(parameters.external) if parameters.external else None
    fitted = {backbone: results[reference_predictions(backbone)] for backbone in BACKBONES}
    regressions = {name: contracts.predictions.validate(table) for name, table in fitted.items() if table is not None}
    return evaluate_grid(of_grid, contracts.split.validate(split), parameters, manifest, regressions, external)


def _of_grid(results: dict[str, list[Any]]) -> dict[Run, list[Any]]:
    """Return the results by run, in the order of the grid."""
    return {run: results[run.results] for run in GRID if run.results in results}


def _external_predictions(path: str) -> pd.DataFrame:
    files, place = url_to_fs(path)  # it may be in a store of objects
    if not files.isfile(place):
        raise FileNotFoundError(
            "reporting.external names no file; expected a Parquet file of predictions as "
            "contracts.external_predictions, or null where there is no external test set"
        )
    return contracts.external_predictions.validate(pd.read_parquet(path))


def compare_strategies(run_evaluations: dict[str, Any], known_exports: pd.DataFrame) -> dict[str, Any]:
    """Test dynamic against traditional fine-tuning, and put the answer into a sentence."""
    from lung_cxr.report import comparison

    return comparison.compare_strategies(run_evaluations, synthetic=_any_synthetic(known_exports))


def tabulate_strategies(run_evaluations: dict[str, Any]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables 3 and 4 from our runs beside the paper's, and every run of every strategy with what it took."""
    from lung_cxr.report.tables.paper_results import tabulate_strategy
    from lung_cxr.report.tables.strategies_table import tabulate_all_strategies

    return (
        tabulate_strategy(run_evaluations, TRADITIONAL),
        tabulate_strategy(run_evaluations, DYNAMIC),
        tabulate_all_strategies(run_evaluations),
    )


def tabulate_words(run_evaluations: dict[str, Any], known_exports: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Tables 2 and 5, those of words: how images were augmented, and other studies with our best run below them."""
    from lung_cxr.report.tables.augmentation_table import tabulate_augmentation
    from lung_cxr.report.tables.related_work import tabulate_methods

    synthetic = _any_synthetic(known_exports)
    return tabulate_augmentation(run_evaluations), tabulate_methods(run_evaluations, synthetic)


def write_tables(
    run_evaluations: dict[str, Any], table1_distribution: pd.DataFrame, known_exports: pd.DataFrame
) -> list[str]:
    """The paper's tables from our runs for a manuscript: each as Markdown and as LaTeX."""
    from lung_cxr.report.tables.numbered import written_tables

    return written_tables(run_evaluations, table1_distribution, _any_synthetic(known_exports))


def _any_synthetic(known_exports: pd.DataFrame) -> bool:
    return bool(contracts.known_exports.validate(known_exports)["synthetic"].any())


def draw_figures(run_evaluations: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Matplotlib figures: Figs. 3, 4 and 5 from our runs, the training curves, reliability and abstention."""
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
    """Where the best run of each backbone saw what it said: one picture a backbone.

    Args:
        run_evaluations: Which runs are judged.
        image_manifest: Which images may be shown.
        image_folder, model_folder, output_folder: Where images and runs are.
        parameters: How many images.
        baseline_runs: As in `evaluate_runs`.
        results: Likewise.
    """
    from lung_cxr.imaging.catalogue.image_store import ImageStore
    from lung_cxr.report.figures.grad_cam_panels import Places, draw_all_grad_cams
    from lung_cxr.report.figures.shown_images import may_be_shown

    permitted = may_be_shown(contracts.image_manifest.validate(image_manifest))
    places = Places(model_folder, output_folder, ImageStore(image_folder), permitted)
    of_grid = _of_grid(results | baseline_runs)
    return draw_all_grad_cams(run_evaluations, of_grid, places, parameters.grad_cam.images_per_class)


def draw_runs(run_evaluations: dict[str, Any]) -> dict[str, Any]:
    """The training curves of each finished run, one picture each."""
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
    parameters: ReportingParameters,
) -> str:
    """Put everything on one page."""
    from lung_cxr.report.page import Sources, render_report

    sources = Sources(
        run_evaluations,
        comparison,
        table1_distribution,
        split,
        contracts.image_manifest.validate(image_manifest),
        known_exports,
        ingestion_summary,
    )
    return render_report(sources, parameters.title, datetime.now(UTC))
