"""Does a run do as well for women as for men, on old films as on new ones? Parts of the test set, each by itself."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.intervals import BOOTSTRAPPED, INTERVAL_ENDS, patient_intervals
from lung_cxr.evaluation.metrics import accuracy, macro_f1
from lung_cxr.evaluation.predictions import frame_counts
from lung_cxr.evaluation.undefined import Numbers, all_undefined

SMALLEST_GROUP = 5  # smaller counts of people are suppressed, and what is said of them
SUPPRESSED = f"fewer than {SMALLEST_GROUP} patients: suppressed"
UNKNOWN = "unknown"


def parts_of_images(images: pd.DataFrame, age_bands: Sequence[float], exam_parts: int) -> pd.DataFrame:
    """Return to which part of the test set each image belongs, by every variable.

    Args:
        images: Rows of `contracts.image_manifest`, those to judge only.
        age_bands: Lower ends of all bands but the first, years, rising.
        exam_parts: Into how many equal parts the images are cut in the order of their exam days. The days are shifted
            for each patient by up to a year either way, so the order is rough; images of one day stay together.

    Returns:
        Index `image_id`; ordered categories `sex, age, view, export, exam_order`.
    """
    table = images.set_index("image_id")
    edges = [-np.inf, *age_bands, np.inf]
    ages = pd.cut(table["age_years"], edges, right=False, labels=_age_titles(age_bands))
    place = np.ceil(table["exam_day"].rank(pct=True) * exam_parts)
    order = [f"{part} of {exam_parts}" for part in range(1, exam_parts + 1)]
    return pd.DataFrame(
        {
            "sex": pd.Categorical(table["sex"], ["F", "M", UNKNOWN], ordered=True),
            "age": _with_unknown(ages),
            "view": pd.Categorical(table["view"], ["PA", "AP", "lateral", UNKNOWN], ordered=True),
            "export": pd.Categorical(table["export"], sorted(table["export"].unique()), ordered=True),
            "exam_order": _with_unknown(pd.cut(place, range(exam_parts + 1), labels=order)),
        },
        index=table.index,
    )


def evaluate_parts(
    by_seed: Sequence[pd.DataFrame], parts: pd.DataFrame, draws: int, confidence: float, seed: int
) -> list[Numbers]:
    """Return accuracy and macro-F1 of one run on every part of the test set.

    Args:
        by_seed: One frame of test predictions per training seed, as `predictions.evaluate_seeds` takes them.
        parts: What `parts_of_images` returned.
        draws: Bootstrap draws of the part's patients.
        confidence: Of the intervals.
        seed: Of the draws.

    Returns:
        For every variable and each of its parts that has an image: `variable, part, images, patients, accuracy,
        macro_f1` (over the classes that occur in the part) and their ends. Of fewer than five patients nothing but
        that: NaN with the reason.
    """
    evaluated = []
    for variable in parts:
        of_frames = [frame["image_id"].map(parts[variable].astype(object)) for frame in by_seed]
        for part in parts[variable].cat.categories:
            chosen = [frame[which == part] for frame, which in zip(by_seed, of_frames, strict=True)]
            if len(chosen[0]):
                numbers = _evaluate_part(chosen, draws, confidence, seed)
                evaluated.append({"variable": variable, "part": str(part), **numbers})
    return evaluated


def _evaluate_part(by_seed: Sequence[pd.DataFrame], draws: int, confidence: float, seed: int) -> Numbers:
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
        **patient_intervals(counts, draws, confidence, seed),
    }


def _age_titles(bands: Sequence[float]) -> list[str]:
    between = [f"{low:g}–{high - 1:g}" for low, high in pairwise(bands)]
    return [f"under {bands[0]:g}", *between, f"{bands[-1]:g} and over"]


def _with_unknown(values: "pd.Series[Any]") -> "pd.Series[Any]":
    return values.cat.add_categories([UNKNOWN]).fillna(UNKNOWN)
