"""Node of `bundle`: it passes folders and settings to `lung_cxr.bundle`."""

from pathlib import Path

from lung_cxr.parameters import (
    BundleParameters,
    IngestionParameters,
    PredictParameters,
    ReportingParameters,
    TrainingParameters,
)


def write_bundle(
    image_folder: Path,
    model_folder: Path,
    output_folder: Path,
    bundle: BundleParameters,
    ingestion: IngestionParameters,
    predict: PredictParameters,
    training: TrainingParameters,
    reporting: ReportingParameters,
    experiment: str,
) -> None:
    """Write the bundle of `bundle.run` into the run's folder of `model_folder`."""
    from lung_cxr.bundle import write
    from lung_cxr.imaging.catalogue.image_store import ImageStore
    from lung_cxr.prediction.trained_run import find_run

    run = find_run(bundle.run, model_folder, output_folder, experiment, pipeline="bundle")
    reading = write.reading_settings(ingestion, predict.accept_unknown_view)
    rule, store = run.rule(training.decision_rule), ImageStore(image_folder)
    write.write_bundle(run, rule, reading, store, bundle.max_difference, **reporting.bootstrap)
