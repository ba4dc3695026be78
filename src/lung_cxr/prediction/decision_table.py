"""The table of new images: probabilities and decisions beside the results of reading and quality control."""

import logging
from collections import Counter

import numpy as np
import pandas as pd

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.imaging.catalogue.summary import listed
from lung_cxr.imaging.reasons import first_codes
from lung_cxr.prediction.decide import CALIBRATED_COLUMNS, REFER, REJECTED, Decisions

log = logging.getLogger(__name__)


def decision_table(
    seen: pd.DataFrame,
    probabilities: np.ndarray,
    distances: np.ndarray | None,
    decided: Decisions,
    run: str,
    model_sha256: str,
) -> pd.DataFrame:
    """Return one row per file; rejected images keep their reasons, are referred and have no probabilities.

    Args:
        seen: Table as in `contracts.new_images_seen`, n rows of which m are accepted.
        probabilities: (m, 7) float, of the accepted images in the order of `seen`.
        distances: (m,) feature distances; None where they are not known.
        decided: Decisions of the accepted images.
        run: Name of the run.
        model_sha256: SHA-256 of the model file.

    Returns:
        Table as in `contracts.new_image_probabilities`.
    """
    accepted = (seen["qc_status"] == "accepted").to_numpy()
    predicted = np.array(DISEASES, dtype=object)[probabilities.argmax(axis=1)]
    _log_counts(seen, decided)
    return seen[["file_key", "qc_status", "qc_reasons", "detail"]].assign(
        predicted=_texts(accepted, predicted, ""),
        **_numbers(accepted, dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True))),
        **_numbers(accepted, dict(zip(CALIBRATED_COLUMNS, decided.calibrated.T, strict=True))),
        prediction_set=_texts(accepted, decided.prediction_sets, ""),
        decision=_texts(accepted, decided.decisions, REFER),
        refer_reason=_texts(accepted, decided.refer_reasons, REJECTED),
        **_numbers(accepted, {"distance": distances, "distance_percentile": decided.percentiles}),
        prevalence=decided.prevalence,
        run=run,
        model_sha256=model_sha256,
        **{name: seen[name] for name in seen.columns[4:]},
    )


def _texts(accepted: np.ndarray, values: list[str] | np.ndarray, otherwise: str) -> pd.Series:
    column = np.full(len(accepted), otherwise, dtype=object)
    column[accepted] = values
    return pd.Series(column, dtype="str")


def _numbers(accepted: np.ndarray, columns: dict[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    complete = {name: np.full(len(accepted), np.nan) for name in columns}
    for name, values in columns.items():
        complete[name][accepted] = np.nan if values is None else values
    return complete


def _log_counts(seen: pd.DataFrame, decided: Decisions) -> None:
    rejected = first_codes(seen.loc[seen["qc_status"] == "rejected", "qc_reasons"])
    log.info("%d of %d files have a prediction", len(seen) - len(rejected), len(seen))
    if len(rejected):
        log.info("Rejected: %s", listed(Counter(rejected)))
    referred = [why for why in decided.refer_reasons if why]
    if referred:
        log.info("Referred: %d of %d images; %s", len(referred), len(decided.decisions), listed(Counter(referred)))
    if decided.prevalence != "training":
        log.info("Class shares %s", decided.prevalence)
