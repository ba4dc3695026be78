"""Feature shift: how well a classifier tells the images of two hospitals apart (two-sample classifier test).

Lopez-Paz and Oquab 2017: if the features of two samples have one distribution, no classifier separates them, and its
AUROC on held-out images is 0.5. Here: logistic regression on pooled features, cross-validated by patient. Images are
weighted so that each class counts equally on both sides: other class shares alone are no feature shift.

With few patients, the AUROC scatters around 0.5 where nothing differs, also below it; the interval does not cover the
fit of the classifier. Only an interval above 0.5 speaks for a shift.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lung_cxr.evaluation.intervals import WEIGHTS_AT_ONCE, patient_weights, percentile_interval, ratio_intervals
from lung_cxr.evaluation.metric_intervals import Ranks
from lung_cxr.evaluation.undefined import Numbers, all_undefined

NAMES = ("auroc", "auroc_low", "auroc_high")
UNLIKE = ("unlike_training", "unlike_training_low", "unlike_training_high")
FOLDS = 5
MOST = 2000  # images of each side: more only cost time
STRENGTH = 0.01  # C of scikit-learn: strong, because there may be more features than images


@dataclass(frozen=True)
class Features:
    """Pooled features of one hospital's images.

    Attributes:
        values: (n, d) float.
        labels: (n,) int class indices.
        patients: (n,) patient keys.
    """

    values: np.ndarray
    labels: np.ndarray
    patients: np.ndarray

    def take(self, rows: np.ndarray) -> "Features":
        """Return some of the images."""
        return Features(self.values[rows], self.labels[rows], self.patients[rows])


def feature_shift(internal: Features, external: Features, n_resamples: int, confidence: float, seed: int) -> Numbers:
    """Return the AUROC with which a classifier tells the images of two hospitals apart.

    Args:
        internal: Images of the training site that were not trained on.
        external: Images of the other hospital.
        n_resamples: Number of bootstrap resamples of the patients of each side; the classifier is not fitted again.
        confidence: Level of the interval.
        seed: Seed of folds, samples and resamples.

    Returns:
        `auroc` with `auroc_low` and `auroc_high`, and the numbers of compared images, `internal_images` and
        `external_images`. NaN with the reason where a side has too few patients of the classes that both sides have.
    """
    shared = np.intersect1d(internal.labels, external.labels)
    sides = [_sample(side.take(np.flatnonzero(np.isin(side.labels, shared))), seed) for side in (internal, external)]
    sizes = {f"{name}_images": len(side.labels) for name, side in zip(("internal", "external"), sides, strict=True)}
    if min(np.unique(side.patients).size for side in sides) < FOLDS:
        return sizes | all_undefined(NAMES, f"needs {FOLDS} patients or more at each hospital")
    weights = np.concatenate(_equal_shares([side.labels for side in sides]))
    folds = _ranks_by_fold(sides, weights, seed)
    observed = _mean_auroc(folds, weights[:, None])
    positions = [np.unique(side.patients, return_inverse=True)[1] for side in sides]
    resampled = [_mean_auroc(folds, drawn * weights[:, None]) for drawn in _resamples(positions, n_resamples, seed)]
    values = np.concatenate(resampled)
    ends = percentile_interval(values[np.isfinite(values)], confidence)
    return sizes | dict(zip(NAMES, (float(observed[0]), *ends), strict=True))


def unlike_training(found: pd.Series, distance: Mapping[str, Any], patients: pd.Series, **bootstrap: Any) -> Numbers:
    """Return the share of images that the decision rule refers as unlike training, with its interval.

    Args:
        found: n distances of the images to the training images.
        distance: `distance` of the decision rule.
        patients: n patient keys.
        bootstrap: `n_resamples`, `confidence` and `seed` of the bootstrap over patients.
    """
    far = (found.to_numpy() > distance["threshold"]).astype(float)
    return ratio_intervals(patients.to_numpy(dtype=str), {UNLIKE[0]: (far, np.ones(far.size))}, **bootstrap)


def _sample(side: Features, seed: int) -> Features:
    if len(side.labels) <= MOST:
        return side
    return side.take(np.sort(np.random.default_rng(seed).choice(len(side.labels), MOST, replace=False)))


def _equal_shares(labels: list[np.ndarray]) -> list[np.ndarray]:
    """Return weights of at most 1 with which each class has the same sum on both sides: the smaller side's count."""
    counts = [np.bincount(side, minlength=int(max(map(np.max, labels))) + 1) for side in labels]
    fewest = np.minimum(*counts)
    return [fewest[side] / count[side] for side, count in zip(labels, counts, strict=True)]


def _ranks_by_fold(sides: list[Features], weights: np.ndarray, seed: int) -> list[tuple[np.ndarray, Ranks]]:
    """Return the held-out images of each fold and their ranks by the classifier that was fitted without their patients.

    Scores of different folds are not compared: a fold with more images of one side leaves fewer for the fit, which
    would pull the AUROC of equal distributions below 0.5.
    """
    values, patients = (np.concatenate([getattr(side, name) for side in sides]) for name in ("values", "patients"))
    is_external = np.repeat([False, True], [len(side.labels) for side in sides])
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(values, is_external, patients)
    ranks = []
    for fitted, held_out in folds:
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        classifier.fit(values[fitted], is_external[fitted], logisticregression__sample_weight=weights[fitted])
        ranks.append((held_out, Ranks(is_external[held_out], classifier.decision_function(values[held_out]))))
    return ranks


def _mean_auroc(folds: list[tuple[np.ndarray, Ranks]], weights: np.ndarray) -> np.ndarray:
    """Return the mean AUROC over the folds for each column of image weights, (columns,); NaN folds are left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        aurocs = [ranks.metrics(weights[rows].astype(np.float32))["auroc"] for rows, ranks in folds]
    return np.nanmean(aurocs, axis=0)


def _resamples(positions: list[np.ndarray], n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the weights of the images in each resample of the patients of both sides, (images, resamples)."""
    counts = [int(position.max()) + 1 for position in positions]
    batch = max(1, WEIGHTS_AT_ONCE // sum(map(len, positions)))
    drawn = [patient_weights(count, n_resamples, seed + side, batch * count) for side, count in enumerate(counts)]
    for of_sides in zip(*drawn, strict=True):
        yield np.concatenate([one[:, at] for one, at in zip(of_sides, positions, strict=True)], axis=1).T
