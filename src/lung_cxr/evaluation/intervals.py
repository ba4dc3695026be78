"""Confidence intervals of accuracy and macro-F1 by bootstrap over patients.

Patients are resampled with replacement, each with all of its images: images of one patient resemble each other, and
resampling single images would give intervals that are too narrow. Counts are made once per patient; a resample is then
a sum of counts, and 10,000 resamples are one matrix product.

For a run with several training seeds each resample also resamples the seeds with replacement (hierarchical bootstrap):
the interval then covers both other patients and repeated training. The variance over S resampled seeds is too small by
the factor (S − 1) / S, which matters for two or three seeds.

The bootstrap of a share near 0 or 1 is too narrow: 4 of 4 correct gives [1, 1]. The interval of a share (accuracy,
recall, precision, coverage) is therefore never narrower than the Clopper–Pearson interval in which each patient is one
observation, as if all images of a patient had the same outcome (the effective sample size of Korn and Graubard 1998 at
its lower bound). Below `FEWEST` patients there is no interval.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
from scipy import stats

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import accuracy, macro_f1
from lung_cxr.evaluation.undefined import Numbers, all_undefined

BOOTSTRAPPED = ("accuracy", "macro_f1")
INTERVAL_ENDS = tuple(f"{metric}_{end}" for metric in BOOTSTRAPPED for end in ("low", "high"))
WEIGHTS_AT_ONCE = 500_000  # patient weights held in memory, 4 MB: they fit a processor's cache
FEWEST = 5  # patients
TOO_FEW = f"an interval needs {FEWEST} patients or more"


def counts_per_patient(patients: Sequence[str], truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return one confusion matrix per patient, (patients, 7, 7) float64, patients in the order of their keys.

    Args:
        patients: n patient keys.
        truth: (n,) int class indices.
        predicted: (n,) int class indices.
    """
    keys, position = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    counts = np.zeros((keys.size, len(DISEASES), len(DISEASES)))
    np.add.at(counts, (position, truth, predicted), 1)
    return counts


def resampled_matrices(counts: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Return the confusion matrix of each bootstrap resample of patients, (n_resamples, 7, 7) float64.

    The same `seed` and number of patients give the same resamples, so two models tested on the same patients are
    compared resample by resample.
    """
    flat = counts.reshape(counts.shape[0], -1)
    sums = [weights @ flat for weights in patient_weights(counts.shape[0], n_resamples, seed, WEIGHTS_AT_ONCE)]
    return np.concatenate(sums).reshape(n_resamples, *counts.shape[1:])


def patient_weights(patients: int, n_resamples: int, seed: int, at_once: int) -> Iterator[np.ndarray]:
    """Yield the number of times each patient occurs in each resample, in batches of resamples.

    Args:
        patients: Number of patients.
        n_resamples: Number of bootstrap resamples.
        seed: Seed of the resamples. They do not depend on `at_once`.
        at_once: Number of weights in one batch.

    Yields:
        (resamples of the batch, patients) float64; rows sum to `patients`.
    """
    generator = np.random.default_rng(seed)
    batch = max(1, min(n_resamples, at_once // patients))
    for done in range(0, n_resamples, batch):
        yield _weights(generator, min(batch, n_resamples - done), patients)


def resampled_metrics(counts: np.ndarray, n_resamples: int, seed: int) -> dict[str, np.ndarray]:
    """Return accuracy and macro-F1 of each resample, (n_resamples,) each.

    As in `metrics`, macro-F1 is the mean over the classes that occur, here: in the resample.
    """
    matrices = resampled_matrices(counts, n_resamples, seed)
    return {"accuracy": accuracy(matrices), "macro_f1": macro_f1(matrices)}


def percentile_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the central interval that contains `confidence` of the values (Efron's percentile interval)."""
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def clopper_pearson(share: float, patients: int, confidence: float) -> tuple[float, float]:
    """Return the Clopper–Pearson interval of a share of `patients` observations; the count may be fractional."""
    count, tail = share * patients, (1 - confidence) / 2
    low = stats.beta.ppf(tail, count, patients - count + 1) if count > 0 else 0.0
    high = stats.beta.ppf(1 - tail, count + 1, patients - count) if count < patients else 1.0
    return float(low), float(high)


def share_interval(share: float, resampled: np.ndarray, patients: int, confidence: float) -> tuple[float, float]:
    """Return the interval of a share: bootstrap or Clopper–Pearson over patients, at each end the wider one.

    Args:
        share: Observed share.
        resampled: Share in each resample.
        patients: Number of patients with an image in the denominator.
        confidence: Level of the interval, e.g. 0.95.
    """
    ends = [percentile_interval(resampled, confidence), clopper_pearson(share, patients, confidence)]
    return min(low for low, _ in ends), max(high for _, high in ends)


def mean_over_resampled_seeds(by_seed: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return the mean over training seeds, resampled with replacement, of each resample of patients.

    Args:
        by_seed: For each training seed one metric on the same resamples of patients, (n_resamples,).
        seed: Seed of the resampled training seeds; the same `seed` draws the same ones for two compared models.
    """
    values = np.stack(by_seed)
    if len(values) == 1:
        return values[0]
    chosen = np.random.default_rng([seed, len(values)]).integers(len(values), size=values.shape)
    return np.take_along_axis(values, chosen, axis=0).mean(axis=0)


def patient_intervals(counts_by_seed: Sequence[np.ndarray], n_resamples: int, confidence: float, seed: int) -> Numbers:
    """Return the interval of accuracy and macro-F1 (means over training seeds); patients and seeds are resampled.

    Args:
        counts_by_seed: `counts_per_patient` of the same patients for each training seed.
        n_resamples: Number of bootstrap resamples.
        confidence: Level of the intervals, e.g. 0.95.
        seed: Seed of the resamples.

    Returns:
        `accuracy_low, accuracy_high, macro_f1_low, macro_f1_high`; NaN with the reason below `FEWEST` patients.
    """
    patients = counts_by_seed[0].shape[0]
    if patients < FEWEST:
        return all_undefined(INTERVAL_ENDS, TOO_FEW)
    observed = float(np.mean([accuracy(counts.sum(axis=0)) for counts in counts_by_seed]))
    resampled = [resampled_metrics(counts, n_resamples, seed) for counts in counts_by_seed]
    intervals: Numbers = {}
    for metric in BOOTSTRAPPED:
        mean = mean_over_resampled_seeds([values[metric] for values in resampled], seed)
        interval = (
            share_interval(observed, mean, patients, confidence)
            if metric == "accuracy"
            else percentile_interval(mean, confidence)
        )
        intervals |= {f"{metric}_low": interval[0], f"{metric}_high": interval[1]}
    return intervals


def ratio_intervals(
    patients: np.ndarray,
    ratios: Mapping[str, tuple[np.ndarray, np.ndarray]],
    n_resamples: int,
    confidence: float,
    seed: int,
    means: Collection[str] = (),
) -> Numbers:
    """Return ratios of two sums over images, e.g. means over a subset of the images, with their intervals.

    Args:
        patients: (n,) patient keys.
        ratios: Name → numerator and denominator of each image, (n,) float each; denominators are not negative.
        n_resamples: Number of bootstrap resamples of patients; those with denominator 0 are left out.
        confidence: Level of the intervals, e.g. 0.95.
        seed: Seed of the resamples.
        means: Names of ratios that are no shares of images, e.g. mean sizes.

    Returns:
        `<name>`, `<name>_low` and `<name>_high`; the ends are NaN with the reason where fewer than `FEWEST` patients
        have an image in the denominator.
    """
    keys, position = np.unique(patients, return_inverse=True)
    columns = [column for pair in ratios.values() for column in pair]
    sums = np.stack([np.bincount(position, weights=column) for column in columns], axis=1)
    resampled = np.concatenate([each @ sums for each in patient_weights(keys.size, n_resamples, seed, WEIGHTS_AT_ONCE)])
    numbers: Numbers = {}
    for column, (name, (above, below)) in enumerate(ratios.items()):
        numbers[name] = float(above.sum() / below.sum())
        ends = [f"{name}_low", f"{name}_high"]
        counted = np.unique(position[below > 0]).size
        if counted < FEWEST:
            numbers |= all_undefined(ends, TOO_FEW)
            continue
        over, under = resampled[:, 2 * column], resampled[:, 2 * column + 1]
        values = over[under > 0] / under[under > 0]
        interval = (
            percentile_interval(values, confidence)
            if name in means
            else share_interval(numbers[name], values, counted, confidence)
        )
        numbers |= dict(zip(ends, interval, strict=True))
    return numbers


def _weights(generator: np.random.Generator, n_resamples: int, patients: int) -> np.ndarray:
    """Return how often each patient is in each resample, (n_resamples, patients) float64; rows sum to `patients`."""
    chosen = generator.integers(patients, size=(n_resamples, patients))
    offsets = np.arange(n_resamples)[:, None] * patients
    counts = np.bincount((chosen + offsets).ravel(), minlength=n_resamples * patients)
    return counts.reshape(n_resamples, patients).astype(np.float64)
