"""Predict new images with a trained run, decide by its rule, and write overlays."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from lung_cxr.evaluation.decision_rule import Rule
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.saved_model import load_checked_model
from lung_cxr.parameters import PredictParameters
from lung_cxr.prediction.decide import decide
from lung_cxr.prediction.decision_table import decision_table
from lung_cxr.prediction.overlays import write_overlays
from lung_cxr.prediction.probabilities import predict_images, stored_images
from lung_cxr.prediction.trained_run import TrainedRun

UNSEARCHED = "not_looked_at"  # flag of images that were not searched for burned-in text


def predict_and_decide(
    seen: pd.DataFrame, run: TrainedRun, rule: Rule, store: ImageStore, settings: PredictParameters, overlays: Path
) -> pd.DataFrame:
    """Return the table of new images as in `contracts.new_image_probabilities`.

    Args:
        seen: Table as in `contracts.new_images_seen`.
        run: The trained run.
        rule: Its decision rule.
        store: Store of the accepted images, named by file key.
        settings: Batch size, class shares, and whether to write overlays.
        overlays: Folder of the overlays; emptied first.
    """
    model = load_checked_model(run.model, run.model_sha256)
    images = stored_images(seen, store, model)
    references = run.references() if rule.get("distance") else None
    probabilities, distances = predict_images(model, images, references, settings.batch_size)
    decided = decide(probabilities, distances, rule, settings.prevalence)
    table = decision_table(seen, probabilities, distances, decided, run.run, run.model_sha256)
    shutil.rmtree(overlays, ignore_errors=True)
    if settings.explain:
        accepted = seen[seen["qc_status"] == "accepted"]
        searched = ~accepted["qc_reasons"].str.split(";").map(lambda codes: UNSEARCHED in codes).to_numpy(dtype=bool)
        rows = np.flatnonzero(searched)
        keys = accepted["file_key"].iloc[rows].tolist()
        write_overlays(overlays, model, images, rows, keys, probabilities.argmax(axis=1)[rows])
    return table
