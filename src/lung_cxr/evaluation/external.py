"""The same runs on another hospital's images: predictions of an external test set."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.predictions import evaluate_seeds
from lung_cxr.experiments import Run


def evaluate_external(predictions: pd.DataFrame, known_patients: pd.Series, draws: Mapping[str, Any]) -> dict[str, Any]:
    """Judge runs on images of another catalogue.

    Args:
        predictions: `contracts.external_predictions`, several runs below one another.
        known_patients: Patient keys of the catalogue that the runs were trained from.
        draws: `draws`, `confidence` and `seed` of the bootstrap.

    Returns:
        `images` and `patients`, and `runs`: `backbone, strategy` and the `metrics` of `evaluate_seeds`.

    Raises:
        ValueError: A patient is in both catalogues, or runs saw different images.
    """
    shared = predictions["patient_key"].isin(known_patients).sum()
    if shared:
        raise ValueError(
            f"reporting.external: {shared} predictions are of patients who are in this catalogue's split too; "
            "an external test set has none of them, take their images out"
        )
    if predictions.groupby("run")["image_id"].agg(lambda ids: tuple(sorted(ids))).nunique() > 1:
        raise ValueError("reporting.external: the runs were tested on different images; predict all of them with each")
    of_runs: dict[Run, list[pd.DataFrame]] = {}
    for name, frame in predictions.groupby("run"):
        backbone, strategy, _ = str(name).split("/")
        of_runs.setdefault(Run(backbone, strategy), []).append(frame)
    return {
        "images": predictions["image_id"].nunique(),
        "patients": predictions["patient_key"].nunique(),
        "runs": [{**run._asdict(), "metrics": evaluate_seeds(frames, **draws)} for run, frames in of_runs.items()],
    }
