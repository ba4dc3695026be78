"""Nodes of `predict`. Each hands files, folders and parameters to `lung_cxr.prediction`.

A parameter is named like its dataset.
"""

from pathlib import Path

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters, PredictParameters
from lung_cxr.prediction.new_images import NewImages


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
    experiment: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict every accepted image, then delete the standardised images; return the table for Parquet and for CSV."""
    from lung_cxr.models.saved_model import load_checked_model
    from lung_cxr.prediction.probabilities import tabulate_probabilities
    from lung_cxr.prediction.read_files import clear, working_store
    from lung_cxr.prediction.trained_run import find_run

    run = find_run(predict.run, model_folder, output_folder, experiment)
    model = load_checked_model(run.model, run.model_sha256)
    seen = contracts.new_images_seen.validate(new_images_seen)
    table = tabulate_probabilities(seen, model, run, working_store(new_images_workplace), predict.batch_size)
    table = contracts.new_image_probabilities.validate(table)
    clear(new_images_workplace)
    return table, table
