"""Metrics, intervals and comparisons from frames of predictions.

Callers filter the frames first, e.g. to the test subset or to one source.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.intervals import BOOTSTRAPPED, counts_per_patient
from lung_cxr.evaluation.metric_intervals import metric_intervals
from lung_cxr.evaluation.metrics import (
    METRICS,
    NO_IMAGE,
    accuracy,
    classification_metrics,
    count_matrix,
    label_indices,
    macro_f1,
)
from lung_cxr.evaluation.paired_tests import BOOTSTRAP_NUMBERS, mcnemar_exact, paired_patient_bootstrap
from lung_cxr.evaluation.undefined import Numbers, all_undefined, undefined

COMPARISON_NUMBERS = (
    *(f"{metric}_difference" for metric in BOOTSTRAPPED),
    *("only_a", "only_b", "mcnemar_p"),
    *BOOTSTRAP_NUMBERS,
)


def evaluate_predictions(predictions: pd.DataFrame, n_resamples: int, confidence: float, seed: int) -> Numbers:
    """Return the metrics of one set of predictions, each with its interval.

    Args:
        predictions: Rows with `patient_key, label` and the seven `PROBABILITY_COLUMNS`.
        n_resamples: Number of bootstrap resamples of patients.
        confidence: Level of the intervals, e.g. 0.95.
        seed: Seed of the resamples.

    Returns:
        `images`, `patients`, every metric of `classification_metrics`, and `<metric>_low`, `<metric>_high` of each;
        undefined numbers are NaN with `<name>_reason`.
    """
    return evaluate_seeds([predictions], n_resamples, confidence, seed)


def evaluate_seeds(by_seed: Sequence[pd.DataFrame], n_resamples: int, confidence: float, seed: int) -> Numbers:
    """Return the metrics of one run, each the mean over its training seeds.

    Args:
        by_seed: One frame per training seed (see `evaluate_predictions`), all of the same images.
        n_resamples: Number of bootstrap resamples of patients.
        confidence: Level of the intervals of the means; patients and, where there are several, seeds are resampled.
        seed: Seed of the resamples.

    Returns:
        The numbers of `evaluate_predictions`, `seeds`, and for accuracy and macro-F1 `<metric>_sd` over the seeds.
    """
    frames = [_in_order(frame) for frame in by_seed]
    each = [classification_metrics(frame["label"].tolist(), probabilities(frame)) for frame in frames]
    patients, truth = frames[0]["patient_key"].tolist(), label_indices(frames[0]["label"].tolist())
    sizes = {"images": len(frames[0]), "patients": len(set(patients)), "seeds": len(frames)}
    means = _merged([_mean(name, each) for name in METRICS])
    spreads = _merged([_spread(name, each) for name in BOOTSTRAPPED])
    intervals = metric_intervals(patients, truth, list(map(probabilities, frames)), n_resamples, confidence, seed)
    return sizes | means | spreads | intervals | _no_intervals(means)


def compare_predictions(
    a: Mapping[int, pd.DataFrame], b: Mapping[int, pd.DataFrame], n_resamples: int, confidence: float, seed: int
) -> Numbers:
    """Compare two runs on the same test images: differences, exact McNemar, paired patient bootstrap.

    Args:
        a: Training seed → predictions of model A.
        b: Training seed → predictions of model B. Common seeds are compared; McNemar's test uses the first of them.
        n_resamples: Number of bootstrap resamples of patients.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Returns:
        `seeds` (number of compared seeds), `accuracy_difference` and `macro_f1_difference` (A − B, fractions, means
        over the seeds), and the numbers of `mcnemar_exact` and `paired_patient_bootstrap`. All NaN with the reason
        where the runs have no seed in common or were tested on different images.
    """
    pairs = [(_in_order(a[one]), _in_order(b[one])) for one in sorted(set(a) & set(b))]
    if reason := _incomparable(pairs):
        return {"seeds": 0} | all_undefined(COMPARISON_NUMBERS, reason)
    counts_a = [frame_counts(first) for first, _ in pairs]
    counts_b = [frame_counts(second) for _, second in pairs]
    gains = {f"{metric}_difference": _gain(metric, counts_a, counts_b) for metric in BOOTSTRAPPED}
    mcnemar = mcnemar_exact(*map(correct, pairs[0]))
    bootstrap = paired_patient_bootstrap(counts_a, counts_b, n_resamples, confidence, seed)
    return {"seeds": len(pairs)} | gains | mcnemar | bootstrap


def _incomparable(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]]) -> str | None:
    """Return the reason why these pairs of predictions, one per seed, cannot be compared, or None."""
    if not pairs:
        return "the two runs have no training seed in common"
    if pairs[0][0].empty:
        return NO_IMAGE
    same = all(first["image_id"].tolist() == second["image_id"].tolist() for first, second in pairs)
    return None if same else "the two runs were tested on different images"


def _gain(metric: str, counts_a: Sequence[np.ndarray], counts_b: Sequence[np.ndarray]) -> float:
    """Return the mean over seeds of metric(A) − metric(B)."""
    of = {"accuracy": accuracy, "macro_f1": macro_f1}[metric]
    gains = [of(a.sum(axis=0)) - of(b.sum(axis=0)) for a, b in zip(counts_a, counts_b, strict=True)]
    return float(np.mean(gains))


def probabilities(predictions: pd.DataFrame) -> np.ndarray:
    """Return the (n, 7) float64 probabilities of a frame."""
    return predictions[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)


def frame_counts(predictions: pd.DataFrame) -> np.ndarray:
    """Return one confusion matrix per patient, (patients, 7, 7)."""
    return counts_per_patient(predictions["patient_key"].tolist(), *_indices(predictions))


def frame_matrix(predictions: pd.DataFrame) -> np.ndarray:
    """Return the (7, 7) confusion matrix of a frame."""
    return count_matrix(*_indices(predictions))


def correct(predictions: pd.DataFrame) -> np.ndarray:
    """Return whether each image is classified correctly, (n,) bool."""
    truth, predicted = _indices(predictions)
    return truth == predicted


def _indices(predictions: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return label_indices(predictions["label"].tolist()), probabilities(predictions).argmax(axis=1)


def _in_order(predictions: pd.DataFrame) -> pd.DataFrame:
    return predictions.sort_values("image_id", ignore_index=True)


def _merged(parts: Sequence[Numbers]) -> Numbers:
    return {name: value for part in parts for name, value in part.items()}


def _no_intervals(means: Numbers) -> Numbers:
    """Return the interval ends of undefined metrics as undefined, with the metric's reason."""
    reasons = {name: means[f"{name}_reason"] for name in METRICS if f"{name}_reason" in means}
    return _merged([undefined(f"{name}_{end}", reason) for name, reason in reasons.items() for end in ("low", "high")])


def _mean(name: str, each: Sequence[Numbers]) -> Numbers:
    """Return the mean over seeds, or the first seed's reason why the number is undefined."""
    reasons = [numbers[f"{name}_reason"] for numbers in each if f"{name}_reason" in numbers]
    return undefined(name, reasons[0]) if reasons else {name: float(np.mean([one[name] for one in each]))}


def _spread(name: str, each: Sequence[Numbers]) -> Numbers:
    if len(each) < 2:
        return undefined(f"{name}_sd", "one training seed has no spread")
    return {f"{name}_sd": float(np.std([numbers[name] for numbers in each], ddof=1))}
