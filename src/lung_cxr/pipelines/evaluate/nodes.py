"""Nodes of `evaluate`: they pass catalogues, runs and settings to `lung_cxr.prediction` and `lung_cxr.report`.

A parameter is named like its dataset; `training_…` is of the site that trained the runs.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.fault_check import require_passed
from lung_cxr.parameters import (
    EvaluateParameters,
    IngestionParameters,
    IngestionReportParameters,
    ReportingParameters,
    SplittingParameters,
    TrainingParameters,
)


def predict_external_images(
    image_manifest: pd.DataFrame,
    fault_check: dict[str, Any],
    image_folder: Path,
    external_workplace: Path,
    model_folder: Path,
    training_model_folder: Path,
    training_output_folder: Path,
    training_pixel_folder: Path,
    training_split: pd.DataFrame | None,
    evaluate: EvaluateParameters,
    splitting: SplittingParameters,
    reporting: ReportingParameters,
    training: TrainingParameters,
    experiment: str,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict the accepted images with every run; return the predictions and the feature shift of each run.

    Raises:
        ValueError: The training site is this site, or no image is accepted.
        NoSuchRunError: A run is not named or has not finished.
        BundleError: The bundle is incomplete or damaged.
    """
    from lung_cxr.bundle.bundled_run import NO_TEST_IMAGES, BundledRun
    from lung_cxr.bundle.contents import read_bundle
    from lung_cxr.evaluation.undefined import json_ready
    from lung_cxr.prediction.external_images import TrainingImages, accepted_images, predict_external
    from lung_cxr.prediction.trained_run import find_run

    if evaluate.bundle is None and training_model_folder.resolve() == model_folder.resolve():
        raise ValueError(
            "training_site is the data folder of this environment itself; expected the data folder of the site that "
            "trained the runs. Set it in conf/<env>/globals.yml, as in conf/site_b/globals.yml, or evaluate a bundle: "
            "`--params evaluate.bundle=<folder>`"
        )
    runs: list[Any]
    if evaluate.bundle is not None:
        runs = [BundledRun(read_bundle(Path(evaluate.bundle)))]
        training_images = TrainingImages(None, training_pixel_folder, {}, NO_TEST_IMAGES)
    else:
        folders = training_model_folder, training_output_folder, experiment
        runs = [find_run(name, *folders, pipeline="evaluate") for name in evaluate.runs]
        tested = {run.run: run.predictions("test")["image_id"] for run in runs}
        training_images = TrainingImages(training_split, training_pixel_folder, tested)
    manifest = contracts.image_manifest.validate(image_manifest)
    require_passed(fault_check, manifest, "No run is evaluated")
    predictions, shifts = predict_external(
        accepted_images(manifest),
        image_folder,
        external_workplace,
        runs,
        training_images,
        training.decision_rule,
        evaluate.batch_size,
        splitting.workers,
        **reporting.bootstrap,
    )
    return contracts.external_predictions.validate(predictions), json_ready(shifts)


def evaluate_external_runs(
    external_predictions: pd.DataFrame,
    feature_shift: dict[str, Any],
    image_manifest: pd.DataFrame,
    image_folder: Path,
    key_fingerprint: str,
    known_exports: pd.DataFrame,
    training_model_folder: Path,
    training_output_folder: Path,
    training_image_folder: Path,
    training_split: pd.DataFrame | None,
    training_image_manifest: pd.DataFrame | None,
    training_key_fingerprint: str | None,
    evaluate: EvaluateParameters,
    reporting: ReportingParameters,
    training: TrainingParameters,
    ingestion: IngestionParameters,
    ingestion_report: IngestionReportParameters,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Evaluate every run beside its internal test set; return all numbers, and those of the classes as a table."""
    from lung_cxr.bundle.bundled_run import NO_CATALOGUE, BundledRun
    from lung_cxr.bundle.contents import read_bundle
    from lung_cxr.prediction.external_images import accepted_images
    from lung_cxr.prediction.trained_run import find_run
    from lung_cxr.report.external_report.external_evaluation import Settings, evaluate_runs
    from lung_cxr.report.external_report.sentences import stated
    from lung_cxr.report.external_report.tables import class_frame
    from lung_cxr.splitting.shared_images import Catalogue, find_shared, nothing_known

    predictions = contracts.external_predictions.validate(external_predictions)
    images = accepted_images(contracts.image_manifest.validate(image_manifest))
    runs: dict[str, Any]
    if evaluate.bundle is not None:
        bundled = BundledRun(read_bundle(Path(evaluate.bundle)))
        runs, shared = {bundled.run: bundled}, nothing_known(NO_CATALOGUE)
        reads_alike = bundled.reads_like(ingestion)
    else:
        names, folders = predictions["run"].unique(), (training_model_folder, training_output_folder)
        runs, reads_alike = {name: find_run(name, *folders) for name in names}, True
        known = None
        if training_split is not None and training_image_manifest is not None:
            in_split = training_image_manifest["image_id"].isin(training_split["image_id"])
            known = Catalogue(training_image_manifest[in_split], training_image_folder, training_key_fingerprint)
        shared = find_shared(
            Catalogue(images, image_folder, key_fingerprint),
            known,
            max_bits=ingestion.quality.near_duplicate_bits,
            min_correlation=ingestion.quality.near_duplicate_correlation,
        )
    settings = Settings(reporting, training.decision_rule, ingestion_report.drift)
    evaluation = evaluate_runs(predictions, runs, images, training_image_manifest, shared, feature_shift, settings)
    evaluation |= {"other_reading": not reads_alike}
    said = stated(evaluation, contracts.known_exports.validate(known_exports))
    return said | evaluation, class_frame(evaluation)


def write_external_report(
    external_evaluation: dict[str, Any], known_exports: pd.DataFrame, evaluate: EvaluateParameters
) -> str:
    """Return the external validation as one HTML page."""
    from lung_cxr.report.external_report.page import render_external_report

    exports = contracts.known_exports.validate(known_exports)
    return render_external_report(external_evaluation, exports, evaluate.title, datetime.now(UTC))
