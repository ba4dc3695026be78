"""Nodes of `predict`. Each hands files, folders and parameters to `lung_cxr.prediction`.

A parameter is named like its dataset.
"""

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters, PredictParameters, TrainingParameters
from lung_cxr.prediction.new_images import NewImages

OVERLAYS = Path("new_images/overlays")  # below 07_model_output


def read_new_images(
    new_images: NewImages,
    pseudonymisation_key: Secret,
    previous_key_fingerprint: str | None,
    model_folder: Path,
    output_folder: Path,
    new_images_workplace: Path,
    ingestion: IngestionParameters,
    predict: PredictParameters,
    experiment: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read every file and apply the QC rules, as ingestion does; return the file keys and the results."""
    from lung_cxr.prediction import read_files
    from lung_cxr.prediction.trained_run import find_run

    find_run(predict.run, model_folder, output_folder, experiment)  # a wrong name must fail before hours of reading
    check_secret(pseudonymisation_key, previous_key_fingerprint, [new_images.synthetic])
    seen = read_files.read_new_images(
        new_images, pseudonymisation_key, new_images_workplace, ingestion, predict.accept_unknown_view
    )
    return new_images.file_keys(pseudonymisation_key), contracts.new_images_seen.validate(seen)


def predict_new_images(
    new_images_seen: pd.DataFrame,
    model_folder: Path,
    output_folder: Path,
    new_images_workplace: Path,
    predict: PredictParameters,
    training: TrainingParameters,
    experiment: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every accepted image and decide, then delete the standardised images.

    Overlays are written to `new_images/overlays` of `output_folder`; those of an earlier prediction are deleted.

    Returns:
        The table for Parquet and for CSV.
    """
    from lung_cxr.prediction.new_predictions import predict_and_decide
    from lung_cxr.prediction.read_files import clear, working_store
    from lung_cxr.prediction.trained_run import find_run

    run = find_run(predict.run, model_folder, output_folder, experiment)
    seen, store = contracts.new_images_seen.validate(new_images_seen), working_store(new_images_workplace)
    table = predict_and_decide(seen, run, run.rule(training.decision_rule), store, predict, output_folder / OVERLAYS)
    table = contracts.new_image_probabilities.validate(table)
    clear(new_images_workplace)
    return table, table


def write_predictions_page(new_image_probabilities: pd.DataFrame, model_folder: Path, output_folder: Path) -> str:
    """Return the page of all predictions, referred images first, below the limits of the model card."""
    from lung_cxr.report.predictions_page import render_predictions
    from lung_cxr.training.run.file_names import MODEL_CARD
    from lung_cxr.training.run.model_card import limits_of_card

    table = contracts.new_image_probabilities.validate(new_image_probabilities)
    limits = limits_of_card(model_folder / table["run"].iloc[0] / MODEL_CARD)
    overlays = {path.stem for path in (output_folder / OVERLAYS).glob("*.png")}
    return render_predictions(table, limits, overlays, datetime.now(UTC))
