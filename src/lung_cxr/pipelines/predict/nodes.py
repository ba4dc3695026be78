"""Nodes of `predict`: they hand files, folders and settings to `lung_cxr.prediction`."""

from pathlib import Path

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.parameters import IngestionParameters, PredictParameters
from lung_cxr.prediction.new_images import NewImages


def read_new_images(
    new_images: NewImages,
    secret: Secret,
    stored_fingerprint: str | None,
    model_folder: Path,
    output_folder: Path,
    workplace: Path,
    ingestion: IngestionParameters,
    parameters: PredictParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and judge every file as ingestion does; return the way back from keys to paths, and what was seen."""
    from lung_cxr.prediction import read
    from lung_cxr.prediction.trained_run import find_run

    find_run(parameters.run, model_folder, output_folder)  # a slip of the pen shows before hours of reading
    check_secret(secret, stored_fingerprint, [new_images.synthetic])
    seen = read.read_new_images(new_images, secret, workplace, ingestion, parameters.accept_unknown_view)
    return new_images.file_keys(secret), contracts.new_images_seen.validate(seen)


def predict_new_images(
    seen: pd.DataFrame,
    model_folder: Path,
    output_folder: Path,
    workplace: Path,
    parameters: PredictParameters,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give every accepted image its probabilities; return the table twice, for programs and for people."""
    from lung_cxr.models.saved_model import load_checked_model
    from lung_cxr.prediction.probabilities import tabulate_probabilities
    from lung_cxr.prediction.read import clear, working_store
    from lung_cxr.prediction.trained_run import find_run

    run = find_run(parameters.run, model_folder, output_folder)
    model = load_checked_model(run.model, run.model_sha256)
    table = tabulate_probabilities(
        contracts.new_images_seen.validate(seen), model, run, working_store(workplace), parameters.batch_size
    )
    table = contracts.new_image_probabilities.validate(table)
    clear(workplace)
    return table, table
