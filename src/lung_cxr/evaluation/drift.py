"""Drift: distances between the distributions of an export and of the catalogue so far, tested over patients.

Both distances lie between 0 (equal distributions) and 1 (disjoint distributions). Neither depends on the number of
images, in contrast to chi-square, Cramér's V and the population stability index:

- categories: total variation, half the sum of |p − q|: the share of images that would have to change category;
- numbers: the Kolmogorov–Smirnov statistic D, the largest difference of the cumulative shares.

With few patients a large distance can occur by chance, and images of one patient resemble each other. Each distance
therefore has a permutation test over patients: patients are reassigned to the two sides at random, each with all of its
images, and p is the share of reassignments with at least this distance (with the + 1 of Phipson and Smyth 2010).
A patient on both sides is reassigned once for each side. Unknown values (NaN) are left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lung_cxr.evaluation.holm import holm
from lung_cxr.evaluation.undefined import Numbers, all_undefined, undefined
from lung_cxr.parameters import DriftParameters

PATIENT = "patient_key"
SIDES = ("the catalogue so far", "the new export")
CUT_POINTS = 100  # D is evaluated at these quantiles of both sides together
CHANCE = 0.95  # quantile of the random reassignments that `by_chance` reports
SELECTIONS_AT_ONCE = 4_000_000  # patients × reassignments held in memory, 16 MB
TESTED = ("distance", "by_chance", "p")
ROUNDING = 1e-6  # rounding error of float32 sums

Counts = npt.NDArray[np.float32]


def measure_drift(
    before: pd.DataFrame, now: pd.DataFrame, settings: DriftParameters, sides: Sequence[str] = SIDES
) -> list[Numbers]:
    """Compare every variable of two sets of images.

    Args:
        before: Images of the catalogue so far, one row each: `patient_key` and the variables. Numeric columns are
            compared as numbers, all others as categories.
        now: Images of the new export, with the same columns.
        settings: Number of resamples, thresholds and the smallest number of patients.
        sides: Names of the two sets in the reasons of undefined numbers.

    Returns:
        For each variable `variable, kind` (`category` or `number`), `before, now` (see `describe`), `distance`,
        `by_chance` (95 % of random reassignments stay below it), `p`, `holm_p` (adjusted over all variables) and
        `drifted`: whether the distance is above `min_distance` and `holm_p` below `significance`. With too few patients
        the numbers are NaN with `<name>_reason`, and `drifted` is None.
    """
    sampled = [_at_most(side, settings) for side in (before, now)]
    variables = [name for name in now.columns if name != PATIENT]
    rng = np.random.default_rng(settings.seed)
    tests = [_test(dict(zip(sides, sampled, strict=True)), name, settings, rng) for name in variables]
    adjusted = holm([test["p"] for test in tests])
    return [
        {"variable": name, "kind": _kind(now[name]), "before": describe(before[name]), "now": describe(now[name])}
        | _with_decision(test, p, settings)
        for name, test, p in zip(variables, tests, adjusted, strict=True)
    ]


def describe(values: "pd.Series[Any]") -> dict[str, Any]:
    """Return `known`, the number of known values, and their `shares` by category or quartiles `low, median, high`.

    Without a known value the quartiles are None.
    """
    known = values.dropna()
    if _kind(values) == "category":
        shares = known.value_counts(normalize=True)
        return {"known": len(known), "shares": {str(name): float(share) for name, share in shares.items()}}
    quartiles = known.quantile([0.25, 0.5, 0.75]).tolist() if len(known) else [None, None, None]
    return {"known": len(known), **dict(zip(("low", "median", "high"), quartiles, strict=True))}


def total_variation(one: Counts, other: Counts) -> npt.NDArray[np.float64]:
    """Return half the sum of |p − q| over the last axis, from counts of the same categories."""
    return 0.5 * np.abs(_shares(one) - _shares(other)).sum(axis=-1)


def ks_distance(one: Counts, other: Counts) -> npt.NDArray[np.float64]:
    """Return the largest difference of the cumulative shares along the last axis, from counts of the same bins."""
    return np.abs(np.cumsum(_shares(one) - _shares(other), axis=-1)).max(axis=-1)


DISTANCES = {"category": total_variation, "number": ks_distance}


def _kind(values: "pd.Series[Any]") -> str:
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"


def _at_most(side: pd.DataFrame, settings: DriftParameters) -> pd.DataFrame:
    """Return the images of a random sample of `max_patients` patients, or all images of fewer patients."""
    patients = side[PATIENT].unique()
    if len(patients) <= settings.max_patients:
        return side
    sample = np.random.default_rng(settings.seed).choice(np.sort(patients), settings.max_patients, replace=False)
    return side[side[PATIENT].isin(sample)]


def _test(sides: Mapping[str, pd.DataFrame], name: str, settings: DriftParameters, rng: np.random.Generator) -> Numbers:
    """Return distance, its 95 % quantile under chance, and p of one variable."""
    before, now = (side[[PATIENT, name]].dropna() for side in sides.values())
    for side, words in zip((before, now), sides, strict=True):
        patients = side[PATIENT].nunique()
        if patients < settings.min_patients:
            known = f"{words} has {patients} patients with a value, {settings.min_patients} are needed"
            return all_undefined(TESTED, known)
    distance = DISTANCES[_kind(now[name])]
    counts, earlier = _count_by_patient(before, now, name)
    observed = float(distance(counts[:earlier].sum(axis=0), counts[earlier:].sum(axis=0)))
    reassigned = _reassign(counts, len(counts) - earlier, settings.n_resamples, rng)
    by_chance = distance(counts.sum(axis=0) - reassigned, reassigned)
    as_far = int((by_chance >= observed - ROUNDING).sum())
    return {
        "distance": observed,
        "by_chance": float(np.quantile(by_chance, CHANCE)),
        "p": (as_far + 1) / (settings.n_resamples + 1),
    }


def _count_by_patient(before: pd.DataFrame, now: pd.DataFrame, name: str) -> tuple[Counts, int]:
    """Return images per patient and category or bin, (patients, bins) float32, and the number of earlier patients."""
    codes = _codes(pd.concat([before[name], now[name]], ignore_index=True))
    ids = [pd.factorize(side[PATIENT])[0] for side in (before, now)]
    earlier = int(ids[0].max()) + 1
    patients = np.concatenate([ids[0], ids[1] + earlier])
    shape = (int(patients.max()) + 1, int(codes.max()) + 1)
    flat = np.bincount(patients * shape[1] + codes, minlength=shape[0] * shape[1])
    return flat.reshape(shape).astype(np.float32), earlier


def _codes(values: "pd.Series[Any]") -> npt.NDArray[np.int64]:
    """Return the index of the category or bin of each value."""
    if _kind(values) == "category":
        return pd.factorize(values)[0].astype(np.int64)
    numbers = values.to_numpy(np.float64)
    distinct = np.unique(numbers)
    if len(distinct) > CUT_POINTS:
        distinct = np.unique(np.quantile(numbers, np.linspace(0, 1, CUT_POINTS + 1)[1:]))
    return np.searchsorted(distinct, numbers)


def _reassign(counts: Counts, size: int, n_resamples: int, rng: np.random.Generator) -> Counts:
    """Return the summed counts of `size` patients sampled without replacement, (n_resamples, bins)."""
    batch = max(1, min(n_resamples, SELECTIONS_AT_ONCE // len(counts)))
    sums = []
    for done in range(0, n_resamples, batch):
        order = rng.random((min(batch, n_resamples - done), len(counts)), dtype=np.float32)
        last = np.partition(order, size - 1, axis=1)[:, size - 1 : size]  # a fifth of the time of argpartition
        selection = (order <= last).astype(np.float32)
        for row in np.flatnonzero(selection.sum(axis=1) > size):  # several patients have the last number
            selection[row] = np.isin(np.arange(len(counts)), np.argpartition(order[row], size - 1)[:size])
        sums.append(selection @ counts)
    return np.concatenate(sums)


def _shares(counts: Counts) -> npt.NDArray[np.float64]:
    return counts.astype(np.float64) / np.maximum(counts.sum(axis=-1, keepdims=True, dtype=np.float64), 1)


def _with_decision(test: Mapping[str, Any], holm_p: float, settings: DriftParameters) -> Numbers:
    if np.isnan(holm_p):
        return {**test, **undefined("holm_p", test["p_reason"]), "drifted": None}
    drifted = test["distance"] > settings.min_distance and holm_p < settings.significance
    return {**test, "holm_p": holm_p, "drifted": bool(drifted)}
