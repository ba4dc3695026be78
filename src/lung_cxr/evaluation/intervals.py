"""Bootstrap over patients: how far accuracy and macro-F1 would move with another draw of patients (DESIGN §12).

Patients are drawn with replacement, each with all of its images: images of one patient resemble one another, and
drawing them singly would give intervals that are too narrow. Everything is counted per patient once; a draw is then
a sum of counts, so that 10,000 draws are one matrix product.

Where a run was trained with several seeds, each draw also draws that many seeds with replacement (a hierarchical
bootstrap): the interval then holds both other patients and training again. The spread of S seeds drawn so is too small
by the factor (S − 1) / S, which matters for two or three.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import accuracy, macro_f1
from lung_cxr.evaluation.undefined import Numbers, all_undefined

BOOTSTRAPPED = ("accuracy", "macro_f1")
INTERVAL_ENDS = tuple(f"{metric}_{end}" for metric in BOOTSTRAPPED for end in ("low", "high"))
WEIGHTS_AT_ONCE = 500_000  # patient weights held in memory, 4 MB: a processor caches them
TOO_FEW = "an interval over patients needs at least two"


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


def resampled_matrices(counts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Return the confusion matrix of each bootstrap draw of patients, (draws, 7, 7) float64.

    The same `seed` and number of patients draw the same patients: two models judged on the same patients are then
    compared draw by draw.
    """
    flat = counts.reshape(counts.shape[0], -1)
    sums = [weights @ flat for weights in patient_weights(counts.shape[0], draws, seed, WEIGHTS_AT_ONCE)]
    return np.concatenate(sums).reshape(draws, *counts.shape[1:])


def patient_weights(patients: int, draws: int, seed: int, at_once: int) -> Iterator[np.ndarray]:
    """Yield how often each patient is in each draw, a batch of draws after the other.

    Args:
        patients: How many there are.
        draws: Bootstrap draws.
        seed: The draws follow from it, whatever `at_once` is.
        at_once: Weights in one batch.

    Yields:
        (draws of the batch, patients) float64; rows sum to `patients`.
    """
    generator = np.random.default_rng(seed)
    batch = max(1, min(draws, at_once // patients))
    for done in range(0, draws, batch):
        yield _weights(generator, min(batch, draws - done), patients)


def resampled_metrics(counts: np.ndarray, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Return accuracy and macro-F1 of each draw, (draws,) each.

    As in `metrics`, macro-F1 is over the classes that occur, here: in the draw.
    """
    matrices = resampled_matrices(counts, draws, seed)
    return {"accuracy": accuracy(matrices), "macro_f1": macro_f1(matrices)}


def percentile_interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the central interval that holds `confidence` of the values (Efron's percentile interval)."""
    tail = 50 * (1 - confidence)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)


def mean_over_drawn_seeds(by_seed: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Return for each draw the mean over as many training seeds, drawn with replacement.

    Args:
        by_seed: For each training seed one metric of the same draws of patients, (draws,).
        seed: Of the draws of seeds; the same `seed` draws the same ones for two models that are compared.
    """
    values = np.stack(by_seed)
    if len(values) == 1:
        return values[0]
    chosen = np.random.default_rng([seed, len(values)]).integers(len(values), size=values.shape)
    return np.take_along_axis(values, chosen, axis=0).mean(axis=0)


def patient_intervals(counts_by_seed: Sequence[np.ndarray], draws: int, confidence: float, seed: int) -> Numbers:
    """Return the interval of accuracy and macro-F1, each a mean over training seeds: patients and seeds are drawn.

    Args:
        counts_by_seed: For each training seed the `counts_per_patient` of the same patients.
        draws: Bootstrap draws.
        confidence: E.g. 0.95.
        seed: Of the draws.

    Returns:
        `accuracy_low, accuracy_high, macro_f1_low, macro_f1_high`; NaN with the reason for fewer than two patients.
    """
    if counts_by_seed[0].shape[0] < 2:
        return all_undefined(INTERVAL_ENDS, TOO_FEW)
    resampled = [resampled_metrics(counts, draws, seed) for counts in counts_by_seed]
    intervals: Numbers = {}
    for metric in BOOTSTRAPPED:
        mean = mean_over_drawn_seeds([values[metric] for values in resampled], seed)
        intervals[f"{metric}_low"], intervals[f"{metric}_high"] = percentile_interval(mean, confidence)
    return intervals


def ratio_intervals(
    patients: np.ndarray, ratios: Mapping[str, tuple[np.ndarray, np.ndarray]], draws: int, confidence: float, seed: int
) -> Numbers:
    """Return sums over images divided by sums over images, e.g. means over some of them, with their intervals.

    Args:
        patients: (n,) patient keys.
        ratios: Name → what is added up above and below the line, (n,) float each; below, nothing is negative.
        draws: Bootstrap draws of patients; those with nothing below the line are left out.
        confidence: E.g. 0.95.
        seed: Of the draws.

    Returns:
        `<name>`, `<name>_low` and `<name>_high`; the ends are NaN with the reason where fewer than two patients count.
    """
    keys, position = np.unique(patients, return_inverse=True)
    columns = [column for pair in ratios.values() for column in pair]
    sums = np.stack([np.bincount(position, weights=column) for column in columns], axis=1)
    drawn = np.concatenate([each @ sums for each in patient_weights(keys.size, draws, seed, WEIGHTS_AT_ONCE)])
    numbers: Numbers = {}
    for column, (name, (above, below)) in enumerate(ratios.items()):
        numbers[name] = float(above.sum() / below.sum())
        ends = [f"{name}_low", f"{name}_high"]
        if np.unique(position[below > 0]).size < 2:
            numbers |= all_undefined(ends, TOO_FEW)
            continue
        over, under = drawn[:, 2 * column], drawn[:, 2 * column + 1]
        interval = percentile_interval(over[under > 0] / under[under > 0], confidence)
        numbers |= dict(zip(ends, interval, strict=True))
    return numbers


def _weights(generator: np.random.Generator, draws: int, patients: int) -> np.ndarray:
    """Return how often each patient is in each draw, (draws, patients) float64; rows sum to `patients`."""
    chosen = generator.integers(patients, size=(draws, patients))
    offsets = np.arange(draws)[:, None] * patients
    counts = np.bincount((chosen + offsets).ravel(), minlength=draws * patients)
    return counts.reshape(draws, patients).astype(np.float64)
