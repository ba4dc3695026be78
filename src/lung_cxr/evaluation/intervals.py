"""Bootstrap over patients: how far accuracy and macro-F1 would move with another draw of patients (DESIGN §12).

Patients are drawn with replacement, each with all of its images: images of one patient resemble one another, and
drawing them singly would give intervals that are too narrow. Everything is counted per patient once; a draw is then
a sum of counts, so that 10,000 draws are one matrix product.
"""

from collections.abc import Sequence

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.metrics import accuracy, macro_f1
from lung_cxr.evaluation.undefined import Numbers, all_undefined

BOOTSTRAPPED = ("accuracy", "macro_f1")
INTERVAL_ENDS = tuple(f"{metric}_{end}" for metric in BOOTSTRAPPED for end in ("low", "high"))
WEIGHTS_AT_ONCE = 4_000_000  # patient weights held in memory, 32 MB
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
    generator = np.random.default_rng(seed)
    patients = counts.shape[0]
    flat = counts.reshape(patients, -1)
    batch = max(1, min(draws, WEIGHTS_AT_ONCE // patients))
    sums = [_weights(generator, min(batch, draws - done), patients) @ flat for done in range(0, draws, batch)]
    return np.concatenate(sums).reshape(draws, *counts.shape[1:])


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


def patient_intervals(counts_by_seed: Sequence[np.ndarray], draws: int, confidence: float, seed: int) -> Numbers:
    """Return the interval of accuracy and macro-F1, each a mean over training seeds.

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
        mean = np.mean([values[metric] for values in resampled], axis=0)
        intervals[f"{metric}_low"], intervals[f"{metric}_high"] = percentile_interval(mean, confidence)
    return intervals


def _weights(generator: np.random.Generator, draws: int, patients: int) -> np.ndarray:
    """Return how often each patient is in each draw, (draws, patients) float64; rows sum to `patients`."""
    chosen = generator.integers(patients, size=(draws, patients))
    offsets = np.arange(draws)[:, None] * patients
    counts = np.bincount((chosen + offsets).ravel(), minlength=draws * patients)
    return counts.reshape(draws, patients).astype(np.float64)
