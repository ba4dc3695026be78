"""External test set: the same runs on images of another hospital."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.evaluation.intervals import (
    BOOTSTRAPPED,
    FEWEST,
    TOO_FEW,
    mean_over_resampled_seeds,
    percentile_interval,
    resampled_metrics,
)
from lung_cxr.evaluation.metrics import accuracy, macro_f1, normalised_by_truth
from lung_cxr.evaluation.predictions import frame_counts
from lung_cxr.evaluation.undefined import Numbers, all_undefined, undefined
from lung_cxr.experiments import Run

NO_INTERVAL = "needs the predictions of the internal test set"
COSTS = ("expected", "of_class_shares", "of_images")


def by_grid_point(predictions: pd.DataFrame) -> dict[Run, dict[str, pd.DataFrame]]:
    """Return grid point → run → its predictions; the seeds of one grid point stand together.

    Args:
        predictions: `contracts.external_predictions`. The folder of a run is `<backbone>/<strategy>/seed_<s>`; further
            folders above it (an experiment) belong to the backbone.
    """
    grid: dict[Run, dict[str, pd.DataFrame]] = {}
    for name, frame in predictions.groupby("run", sort=False):
        *backbone, strategy, _ = str(name).split("/")
        grid.setdefault(Run("/".join(backbone), strategy), {})[str(name)] = frame
    return grid


def external_differences(
    internal: Sequence[pd.DataFrame], external: Sequence[pd.DataFrame], n_resamples: int, confidence: float, seed: int
) -> Numbers:
    """Return accuracy and macro-F1 of the other hospital's images minus those of the internal test set.

    The patients of both sides are resampled independently, and the training seeds alike on both sides.

    Args:
        internal: Test predictions of each training seed.
        external: Predictions of the other hospital's images, in the same order of seeds.
        n_resamples: Number of bootstrap resamples of the patients of each side.
        confidence: Level of the intervals.
        seed: Seed of the resamples.

    Returns:
        `<metric>_difference` with `_low` and `_high`, fractions; NaN with the reason where a side has too few patients.
    """
    sides = [[frame_counts(frame) for frame in frames] for frames in (internal, external)]
    names = [f"{metric}_difference{end}" for metric in BOOTSTRAPPED for end in ("", "_low", "_high")]
    if min(len(counts) for side in sides for counts in side) < FEWEST:
        return all_undefined(names, TOO_FEW)
    differences: Numbers = {}
    resampled = [
        [resampled_metrics(counts, n_resamples, seed + number) for counts in side] for number, side in enumerate(sides)
    ]
    for metric, function in {"accuracy": accuracy, "macro_f1": macro_f1}.items():
        here, there = (float(np.mean([function(counts.sum(axis=0)) for counts in side])) for side in sides)
        means = [mean_over_resampled_seeds([one[metric] for one in side], seed) for side in resampled]
        low, high = percentile_interval(means[1] - means[0], confidence)
        name = f"{metric}_difference"
        differences |= {name: there - here, f"{name}_low": low, f"{name}_high": high}
    return differences


def differences_of_metrics(internal: Mapping[str, Any], external: Mapping[str, Any]) -> Numbers:
    """Return `external_differences` from the metrics of both sides alone, without intervals.

    Args:
        internal: `evaluate_seeds` of the internal test set.
        external: `evaluate_seeds` of the other hospital's images.
    """
    differences: Numbers = {}
    for metric in BOOTSTRAPPED:
        name = f"{metric}_difference"
        if internal[metric] is None or np.isnan(internal[metric]):
            differences |= undefined(name, internal[f"{metric}_reason"])
        else:
            differences[name] = external[metric] - internal[metric]
        differences |= all_undefined((f"{name}_low", f"{name}_high"), NO_INTERVAL)
    return differences


def cost_of_shift(internal: np.ndarray, external: np.ndarray) -> Numbers:
    """Return the parts of the difference in accuracy: other class shares, and other images of the same classes.

    Args:
        internal: (7, 7) confusion matrix of the internal test set.
        external: (7, 7) confusion matrix of the other hospital's images.

    Returns:
        `expected`: accuracy with the recalls of the internal test set under the other hospital's class shares;
        `of_class_shares`: it minus the internal accuracy; `of_images`: external accuracy minus it. NaN with the reason
        where a class of the other hospital has no internal test image.
    """
    shares = external.sum(axis=1) / external.sum()
    recalls = np.diagonal(normalised_by_truth(internal))
    if np.isnan(recalls[shares > 0]).any():
        return all_undefined(COSTS, "a class of the external test set has no image in the internal one")
    expected = float((shares[shares > 0] * recalls[shares > 0]).sum())
    return {
        "expected": expected,
        "of_class_shares": expected - float(accuracy(internal)),
        "of_images": float(accuracy(external)) - expected,
    }
