"""External test set: the same runs on images of another hospital."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.evaluation.predictions import evaluate_seeds
from lung_cxr.experiments import Run


def evaluate_external(
    predictions: pd.DataFrame, known_patients: pd.Series, bootstrap: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the metrics of runs on images of another catalogue.

    Args:
        predictions: `contracts.external_predictions`, rows of one or several runs.
        known_patients: Patient keys of the catalogue that the runs were trained on.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.

    Returns:
        `images` and `patients`, and `runs`: `backbone, strategy` and the `metrics` of `evaluate_seeds`.

    Raises:
        ValueError: A patient is in both catalogues, or the runs were tested on different images.
    """
    shared = predictions["patient_key"].isin(known_patients).sum()
    if shared:
        raise ValueError(
            f"reporting.external: {shared} predictions belong to patients of this catalogue's split; expected other "
            "patients only: remove these rows"
        )
    if predictions.groupby("run")["image_id"].agg(lambda ids: tuple(sorted(ids))).nunique() > 1:
        raise ValueError("reporting.external: the runs were tested on different images; predict the same with each run")
    of_runs: dict[Run, list[pd.DataFrame]] = {}
    for name, frame in predictions.groupby("run"):
        backbone, strategy, _ = str(name).split("/")
        of_runs.setdefault(Run(backbone, strategy), []).append(frame)
    return {
        "images": predictions["image_id"].nunique(),
        "patients": predictions["patient_key"].nunique(),
        "runs": [{**run._asdict(), "metrics": evaluate_seeds(frames, **bootstrap)} for run, frames in of_runs.items()],
    }
