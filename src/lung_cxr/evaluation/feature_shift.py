"""Feature shift: how well a classifier tells the images of two hospitals apart (two-sample classifier test).

Lopez-Paz and Oquab 2017: if the features of two samples have one distribution, no classifier separates them, and its
AUROC on held-out images is 0.5. Here: logistic regression on pooled features, cross-validated by patient. Images are
weighted so that each class counts equally on both sides: other class shares alone are no feature shift.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lung_cxr.evaluation.intervals import WEIGHTS_AT_ONCE, patient_weights, percentile_interval
from lung_cxr.evaluation.metric_intervals import Ranks
from lung_cxr.evaluation.undefined import Numbers, all_undefined

NAMES = ("auroc", "auroc_low", "auroc_high")
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
    is_external = np.repeat([False, True], [len(side.labels) for side in sides])
    ranks = Ranks(is_external, _held_out_scores(sides, is_external, weights, seed))
    observed = ranks.metrics(weights[:, None].astype(np.float32))["auroc"]
    resampled = _resampled_aurocs(ranks, sides, weights, n_resamples, seed)
    ends = percentile_interval(resampled[np.isfinite(resampled)], confidence)
    return sizes | dict(zip(NAMES, (float(observed[0]), *ends), strict=True))


def _sample(side: Features, seed: int) -> Features:
    if len(side.labels) <= MOST:
        return side
    return side.take(np.sort(np.random.default_rng(seed).choice(len(side.labels), MOST, replace=False)))


def _equal_shares(labels: list[np.ndarray]) -> list[np.ndarray]:
    """Return weights of at most 1 with which each class has the same sum on both sides: the smaller side's count."""
    counts = [np.bincount(side, minlength=int(max(map(np.max, labels))) + 1) for side in labels]
    fewest = np.minimum(*counts)
    return [fewest[side] / count[side] for side, count in zip(labels, counts, strict=True)]


def _held_out_scores(sides: list[Features], is_external: np.ndarray, weights: np.ndarray, seed: int) -> np.ndarray:
    """Return the score of each image by the classifier that was fitted without its patient, (n,) float."""
    values, patients = (np.concatenate([getattr(side, name) for side in sides]) for name in ("values", "patients"))
    scores = np.empty(len(values))
    for fitted, held_out in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        values, is_external, patients
    ):
        classifier = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        classifier.fit(values[fitted], is_external[fitted], logisticregression__sample_weight=weights[fitted])
        scores[held_out] = classifier.decision_function(values[held_out])
    return scores


def _resampled_aurocs(
    ranks: Ranks, sides: list[Features], weights: np.ndarray, n_resamples: int, seed: int
) -> np.ndarray:
    """Return the AUROC of each bootstrap resample of the patients of both sides, (n_resamples,)."""
    positions = [np.unique(side.patients, return_inverse=True)[1] for side in sides]
    patients = [int(position.max()) + 1 for position in positions]
    batch = max(1, WEIGHTS_AT_ONCE // len(weights))
    draws = [patient_weights(count, n_resamples, seed + number, batch * count) for number, count in enumerate(patients)]
    return np.concatenate(
        [
            ranks.metrics(
                np.concatenate([one[:, positions[0]], other[:, positions[1]]], axis=1).T.astype(np.float32)
                * weights[:, None].astype(np.float32)
            )["auroc"]
            for one, other in zip(*draws, strict=True)
        ]
    )
