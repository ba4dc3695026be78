"""Subgroup gaps: differences of sensitivity and false-positive rate of each class between a subgroup and the others.

An unequal sensitivity is under-diagnosis of a subgroup (Seyyed-Kalantari et al. 2021). Each gap has an interval over
resamples of patients, and as p-value the larger one of bootstrap and Fisher's exact test over patients. The p-values of
one run are one family for Holm's method.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.holm import holm
from lung_cxr.evaluation.intervals import WEIGHTS_AT_ONCE, patient_weights, percentile_interval
from lung_cxr.evaluation.metrics import label_indices
from lung_cxr.evaluation.paired_tests import bootstrap_p
from lung_cxr.evaluation.predictions import probabilities
from lung_cxr.evaluation.subgroups import SMALLEST_GROUP, UNKNOWN

SENSITIVITY, FALSE_POSITIVES = "sensitivity", "false-positive rate"
SHOWN = 10  # gaps that are kept of each run


class Gap(NamedTuple):
    """Images of one compared rate.

    Attributes:
        variable: Variable of the subgroups.
        subgroup: The subgroup; the others are all images with another known value.
        disease: Class.
        measure: `SENSITIVITY` or `FALSE_POSITIVES`.
        inside: (n,) bool, images of the subgroup that count.
        outside: (n,) bool, the other images that count.
    """

    variable: str
    subgroup: str
    disease: str
    measure: str
    inside: np.ndarray
    outside: np.ndarray


def subgroup_gaps(
    by_seed: Sequence[pd.DataFrame], subgroups: pd.DataFrame, n_resamples: int, confidence: float, seed: int
) -> dict[str, Any]:
    """Return the largest gaps of one run, the smallest adjusted p-value first.

    Args:
        by_seed: One frame of test predictions per training seed, all of the same images; rates are means over seeds.
        subgroups: Frame of `subgroups_of_images`.
        n_resamples: Number of bootstrap resamples of patients.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Returns:
        `tested`: number of gaps with at least five patients on both sides; `gaps`: the first `SHOWN` of them, and the
        first of each variable, with `variable, subgroup, class, measure`, `rate` and `other_rate` (fractions),
        `difference` with `_low` and `_high`, `patients` and `other_patients`, `p` and `holm_p`.
    """
    frames = [frame.sort_values("image_id", ignore_index=True) for frame in by_seed]
    truth = label_indices(frames[0]["label"].tolist())
    keys, position = np.unique(frames[0]["patient_key"].to_numpy(dtype=str), return_inverse=True)
    called = np.mean([np.eye(len(DISEASES))[probabilities(frame).argmax(axis=1)] for frame in frames], axis=0)
    gaps = [
        gap
        for gap in _compared(truth, subgroups.loc[frames[0]["image_id"]])
        if min(np.unique(position[side]).size for side in (gap.inside, gap.outside)) >= SMALLEST_GROUP
    ]
    if not gaps:
        return {"tested": 0, "gaps": []}
    resampled = _resampled(gaps, called, position, keys.size, n_resamples, seed)
    found = [
        _numbers(gap, called[:, DISEASES.index(gap.disease)], position, values, confidence)
        for gap, values in zip(gaps, resampled.T, strict=True)
    ]
    adjusted = [{**one, "holm_p": p} for one, p in zip(found, holm([one["p"] for one in found]), strict=True)]
    worst = sorted(adjusted, key=lambda one: (one["holm_p"], one["p"], -abs(one["difference"])))
    first = {one["variable"]: one for one in reversed(worst)}.values()
    return {"tested": len(worst), "gaps": [one for one in worst if one in worst[:SHOWN] or one in first]}


def _compared(truth: np.ndarray, subgroups: pd.DataFrame) -> Iterator[Gap]:
    """Yield every subgroup, class and measure; of two subgroups only the first, because the gaps are the same."""
    for variable in subgroups:
        values = subgroups[variable].astype(str).to_numpy()
        present = [name for name in map(str, subgroups[variable].cat.categories) if name in values and name != UNKNOWN]
        for subgroup in present[: 1 if len(present) == 2 else None]:
            inside, outside = values == subgroup, (values != subgroup) & (values != UNKNOWN)
            for index, disease in enumerate(DISEASES):
                for measure, counted in ((SENSITIVITY, truth == index), (FALSE_POSITIVES, truth != index)):
                    yield Gap(str(variable), subgroup, disease, measure, inside & counted, outside & counted)


def _resampled(
    gaps: Sequence[Gap], called: np.ndarray, position: np.ndarray, patients: int, n_resamples: int, seed: int
) -> np.ndarray:
    """Return the difference of each gap in each resample, (n_resamples, gaps); NaN without a counted image."""
    columns = [
        column
        for gap in gaps
        for side in (gap.inside, gap.outside)
        for column in (called[:, DISEASES.index(gap.disease)] * side, side.astype(float))
    ]
    sums = np.stack([np.bincount(position, weights=column, minlength=patients) for column in columns], axis=1)
    batches = patient_weights(patients, n_resamples, seed, WEIGHTS_AT_ONCE)
    totals = np.concatenate([weights @ sums for weights in batches]).reshape(n_resamples, len(gaps), 2, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = totals[..., 0] / totals[..., 1]
    return rates[..., 0] - rates[..., 1]


def _numbers(
    gap: Gap, called: np.ndarray, position: np.ndarray, resampled: np.ndarray, confidence: float
) -> dict[str, Any]:
    values = resampled[np.isfinite(resampled)]
    low, high = percentile_interval(values, confidence)
    rate, other = float(called[gap.inside].mean()), float(called[gap.outside].mean())
    patients = [int(np.unique(position[side]).size) for side in (gap.inside, gap.outside)]
    return {
        "variable": gap.variable,
        "subgroup": gap.subgroup,
        "class": gap.disease,
        "measure": gap.measure,
        "rate": rate,
        "other_rate": other,
        "difference": rate - other,
        "difference_low": low,
        "difference_high": high,
        "patients": patients[0],
        "other_patients": patients[1],
        "p": max(bootstrap_p(values), _fisher_p([rate, other], patients)),
    }


def _fisher_p(rates: Sequence[float], patients: Sequence[int]) -> float:
    """Return Fisher's exact p-value of two rates, as if each patient had one image.

    A rate of 0 or 1 in a small subgroup is 0 or 1 in every resample, so the bootstrap alone would be too sure.
    """
    counts = [round(rate * count) for rate, count in zip(rates, patients, strict=True)]
    table = [[count, total - count] for count, total in zip(counts, patients, strict=True)]
    return float(stats.fisher_exact(table).pvalue)
