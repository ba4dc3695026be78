"""Subgroup analysis: accuracy and macro-F1 of a run by sex, age, view, export, exam order, redacted text
and source size of the test images.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.intervals import BOOTSTRAPPED, INTERVAL_ENDS, patient_intervals
from lung_cxr.evaluation.metrics import accuracy, macro_f1
from lung_cxr.evaluation.predictions import frame_counts
from lung_cxr.evaluation.redaction import is_redacted
from lung_cxr.evaluation.undefined import Numbers, all_undefined

SMALLEST_GROUP = 5  # patients; smaller counts and their numbers are suppressed
SUPPRESSED = f"fewer than {SMALLEST_GROUP} patients: suppressed"
UNKNOWN = "unknown"


def subgroups_of_images(
    images: pd.DataFrame, age_bands: Sequence[float], exam_periods: int, sizes: "pd.Series[Any] | None" = None
) -> pd.DataFrame:
    """Return the subgroup of each test image by every variable.

    Args:
        images: Rows of `contracts.image_manifest`, test images only.
        age_bands: Lower ends of all age bands but the first, in years, ascending.
        exam_periods: Number of equal periods that the images are divided into, in the order of their exam days. The
            days are shifted for each patient by up to a year, so the order is approximate. Images of one day stay
            together.
        sizes: `image_size` of `sources_of_images`; None: no variable of the subgroups.

    Returns:
        Index `image_id`; ordered categories `sex, age, view, export, exam_order, redacted` and `image_size`.
    """
    table = images.set_index("image_id")
    edges = [-np.inf, *age_bands, np.inf]
    ages = pd.cut(table["age_years"], edges, right=False, labels=_age_titles(age_bands))
    period = np.ceil(table["exam_day"].rank(pct=True) * exam_periods)
    order = [f"{number} of {exam_periods}" for number in range(1, exam_periods + 1)]
    by_size = {} if sizes is None else {"image_size": sizes.loc[table.index]}
    return pd.DataFrame(
        {
            "sex": pd.Categorical(table["sex"], ["F", "M", UNKNOWN], ordered=True),
            "age": _with_unknown(ages),
            "view": pd.Categorical(table["view"], ["PA", "AP", "lateral", UNKNOWN], ordered=True),
            "export": pd.Categorical(table["export"], sorted(table["export"].unique()), ordered=True),
            "exam_order": _with_unknown(pd.cut(period, range(exam_periods + 1), labels=order)),
            "redacted": pd.Categorical(is_redacted(table).map({True: "yes", False: "no"}), ["yes", "no"], ordered=True),
            **by_size,
        },
        index=table.index,
    )


def evaluate_subgroups(
    by_seed: Sequence[pd.DataFrame], subgroups: pd.DataFrame, n_resamples: int, confidence: float, seed: int
) -> list[Numbers]:
    """Return accuracy and macro-F1 of one run on every subgroup of the test set.

    Args:
        by_seed: One frame of test predictions per training seed (see `predictions.evaluate_seeds`).
        subgroups: Frame of `subgroups_of_images`.
        n_resamples: Number of bootstrap resamples of the subgroup's patients.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Returns:
        For every variable and each of its subgroups with an image: `variable, subgroup, images, patients, accuracy,
        macro_f1` (over the classes that occur in the subgroup) and the ends of their intervals. All numbers of a
        subgroup of fewer than five patients are NaN with the reason.
    """
    evaluated = []
    for variable in subgroups:
        of_frames = [frame["image_id"].map(subgroups[variable].astype(object)) for frame in by_seed]
        for subgroup in subgroups[variable].cat.categories:
            chosen = [frame[which == subgroup] for frame, which in zip(by_seed, of_frames, strict=True)]
            if len(chosen[0]):
                numbers = _evaluate_subgroup(chosen, n_resamples, confidence, seed)
                evaluated.append({"variable": variable, "subgroup": str(subgroup), **numbers})
    return evaluated


def _evaluate_subgroup(by_seed: Sequence[pd.DataFrame], n_resamples: int, confidence: float, seed: int) -> Numbers:
    patients = by_seed[0]["patient_key"].nunique()
    if patients < SMALLEST_GROUP:
        return all_undefined(("images", "patients", *BOOTSTRAPPED, *INTERVAL_ENDS), SUPPRESSED)
    counts = [frame_counts(frame) for frame in by_seed]
    matrices = [each.sum(axis=0) for each in counts]
    return {
        "images": len(by_seed[0]),
        "patients": patients,
        "accuracy": float(np.mean([accuracy(matrix) for matrix in matrices])),
        "macro_f1": float(np.mean([macro_f1(matrix) for matrix in matrices])),
        **patient_intervals(counts, n_resamples, confidence, seed),
    }


def _age_titles(bands: Sequence[float]) -> list[str]:
    between = [f"{low:g}–{high - 1:g}" for low, high in pairwise(bands)]
    return [f"under {bands[0]:g}", *between, f"{bands[-1]:g} and over"]


def _with_unknown(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.cat.add_categories([UNKNOWN]).fillna(UNKNOWN)
