"""Nodes that watch a run: each hands tables and settings to `lung_cxr.prediction.monitoring` and `lung_cxr.report`."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.parameters import EvaluateParameters, MonitoringParameters, TrainingParameters

if TYPE_CHECKING:
    from lung_cxr.prediction.monitoring import Batch

log = logging.getLogger(__name__)


def watch_new_images(
    new_image_probabilities: pd.DataFrame,
    model_folder: Path,
    output_folder: Path,
    monitoring: MonitoringParameters,
    training: TrainingParameters,
) -> pd.DataFrame:
    """Return the row of the images that `predict` has predicted."""
    from lung_cxr.prediction.monitoring import Batch  # with scipy: other pipelines start in half a second less
    from lung_cxr.prediction.trained_run import find_run

    table = contracts.new_image_probabilities.validate(new_image_probabilities)
    run = find_run(table["run"].iloc[0], model_folder, output_folder)
    return _row(
        Batch("predict", table, run.run, run.model_sha256, run.rule(training.decision_rule)),
        monitoring,
        datetime.now(UTC),
    )


def watch_external_images(
    external_predictions: pd.DataFrame,
    image_manifest: pd.DataFrame,
    training_model_folder: Path,
    training_output_folder: Path,
    evaluate: EvaluateParameters,
    monitoring: MonitoringParameters,
    training: TrainingParameters,
) -> pd.DataFrame:
    """Return one row, all of one time, per evaluated run; a run without validation images has no rule, and no row."""
    from lung_cxr.bundle.bundled_run import BundledRun
    from lung_cxr.bundle.contents import read_bundle
    from lung_cxr.prediction.monitoring import Batch
    from lung_cxr.prediction.trained_run import find_run

    predictions = contracts.external_predictions.validate(external_predictions)
    manifest = contracts.image_manifest.validate(image_manifest)
    rows, now = [], datetime.now(UTC)
    for name, own in predictions.groupby("run", sort=False):
        run: Any
        if evaluate.bundle is not None:
            run = BundledRun(read_bundle(Path(evaluate.bundle)))
        else:
            run = find_run(str(name), training_model_folder, training_output_folder, pipeline="evaluate")
        if "reason" in (rule := run.rule(training.decision_rule)):
            log.warning("%s is not watched: %s", run.run, rule["reason"])
            continue
        known = own.reindex(columns=["image_id", *PROBABILITY_COLUMNS, "distance"])
        images = manifest.merge(known, on="image_id", how="left")
        rows.append(_row(Batch("evaluate", images, run.run, run.model_sha256, rule), monitoring, now))
    empty = contracts.watched_batches.validate(pd.DataFrame(columns=list(contracts.watched_batches.columns)))
    return pd.concat(rows, ignore_index=True) if rows else empty


def write_monitoring_page(watched_batches: pd.DataFrame, monitoring: MonitoringParameters) -> str:
    """Return the page of all batches."""
    from lung_cxr.report.monitoring.page import render_monitoring

    return render_monitoring(contracts.watched_batches.validate(watched_batches), monitoring, datetime.now(UTC))


def _row(batch: "Batch", settings: MonitoringParameters, now: datetime) -> pd.DataFrame:
    from lung_cxr.prediction.monitoring import monitoring_row, outside

    row = monitoring_row(batch, settings, now)
    if found := outside(row.iloc[0]):
        log.warning("Outside the control limits (monitoring.html): %s", ", ".join(found))
    return row
