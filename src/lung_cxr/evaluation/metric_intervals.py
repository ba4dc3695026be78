"""A bootstrap interval for every metric, over the same resamples of patients as in `intervals.py`.

Metrics of the confusion matrix follow from the resampled matrices. Log loss and calibration error are weighted sums
over the images. AUROC and average precision need the images in the order of their scores: they are sorted once; a
resample is then a weight per image, and both metrics are cumulative sums of weights, for all resamples at once.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.intervals import (
    FEWEST,
    TOO_FEW,
    mean_over_resampled_seeds,
    patient_weights,
    percentile_interval,
    share_interval,
)
from lung_cxr.evaluation.metrics import (
    CLASS_NAMES_IN_KEYS,
    METRICS,
    PER_CLASS_METRICS,
    accuracy,
    calibration_gaps,
    count_matrix,
    log_losses,
    macro_f1,
)
from lung_cxr.evaluation.undefined import Numbers, all_undefined

WEIGHTS_AT_ONCE = 4_000_000  # image weights of one batch of resamples, 16 MB
NO_RESAMPLE = "undefined in every resample of the patients"
ALL_EQUAL = "all resamples of the patients give the same value"
SHARES = ("accuracy", "recall", "precision")
ENDS = ("low", "high")

Resamples = dict[str, np.ndarray]


def metric_intervals(
    patients: Sequence[str],
    truth: np.ndarray,
    probabilities_by_seed: Sequence[np.ndarray],
    n_resamples: int,
    confidence: float,
    seed: int,
) -> Numbers:
    """Return the interval of every metric (means over training seeds); patients and seeds are resampled.

    Args:
        patients: n patient keys.
        truth: (n,) int class indices.
        probabilities_by_seed: For each training seed (n, 7) float.
        n_resamples: Number of bootstrap resamples.
        confidence: Level of the intervals, e.g. 0.95.
        seed: Seed of the resamples.

    Returns:
        `<metric>_low` and `<metric>_high` for each of `METRICS`, over the resamples in which the metric is defined (a
        resample without an image of a class has no recall of that class). Shares are no narrower than
        `intervals.share_interval`. NaN with the reason where fewer than `FEWEST` patients have an image that the metric
        depends on, or where all resamples give the same value.
    """
    keys, position = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if keys.size < FEWEST:
        return all_undefined([f"{metric}_{end}" for metric in METRICS for end in ENDS], TOO_FEW)
    each = [resampled_metrics(position, truth, values, n_resamples, seed) for values in probabilities_by_seed]
    shares, supports = _shares(truth, probabilities_by_seed), _supports(position, truth, probabilities_by_seed)
    intervals: Numbers = {}
    for metric in METRICS:
        values = mean_over_resampled_seeds([one[metric] for one in each], seed)
        intervals |= _interval(metric, values[np.isfinite(values)], shares.get(metric), supports, confidence)
    return intervals


def _interval(
    metric: str, values: np.ndarray, share: float | None, supports: Mapping[str, int], confidence: float
) -> Numbers:
    """Return both ends of one metric's interval, or the reason why there is none."""
    names = [f"{metric}_{end}" for end in ENDS]
    if supports[metric] < FEWEST:
        return all_undefined(names, f"{TOO_FEW}; {supports[metric]} count here")
    if not values.size:
        return all_undefined(names, NO_RESAMPLE)
    if share is not None:
        return dict(zip(names, share_interval(share, values, supports[metric], confidence), strict=True))
    if np.ptp(values) == 0:
        return all_undefined(names, ALL_EQUAL)
    return dict(zip(names, percentile_interval(values, confidence), strict=True))


def _shares(truth: np.ndarray, probabilities_by_seed: Sequence[np.ndarray]) -> dict[str, float]:
    """Return the observed accuracy, recalls and precisions, means over the seeds; NaN where a seed has none."""
    matrices = np.stack([count_matrix(truth, values.argmax(axis=1)) for values in probabilities_by_seed])
    with np.errstate(invalid="ignore", divide="ignore"):
        every = _confusion_metrics(matrices.astype(np.float64))
    return {name: float(values.mean()) for name, values in every.items() if name.split("_")[0] in SHARES}


def _supports(position: np.ndarray, truth: np.ndarray, probabilities_by_seed: Sequence[np.ndarray]) -> dict[str, int]:
    """Return the number of patients with an image that each metric depends on.

    For metrics of a class these are the patients with the class; for precision the patients with a prediction of the
    class (fewest over the seeds); for AUROC the smaller of patients with the class and patients with another class.
    """
    supports = dict.fromkeys(METRICS, np.unique(position).size)
    for index, key in enumerate(CLASS_NAMES_IN_KEYS):
        own, others = (np.unique(position[is_class]).size for is_class in (truth == index, truth != index))
        predicted = [np.unique(position[values.argmax(axis=1) == index]).size for values in probabilities_by_seed]
        supports |= {f"{metric}_{key}": own for metric in PER_CLASS_METRICS}
        supports |= {f"precision_{key}": min(predicted), f"auroc_{key}": min(own, others)}
    return supports


def resampled_metrics(
    position: np.ndarray, truth: np.ndarray, probabilities: np.ndarray, n_resamples: int, seed: int
) -> Resamples:
    """Return every metric of each bootstrap resample of patients, (n_resamples,) each; NaN where it is undefined.

    Args:
        position: (n,) int, index of the image's patient among the sorted patient keys.
        truth: (n,) int class indices.
        probabilities: (n, 7) float.
        n_resamples: Number of bootstrap resamples.
        seed: Seed of the resamples; they are those of `intervals.resampled_matrices`.
    """
    patients = int(position.max()) + 1
    ranks = [Ranks(truth == index, probabilities[:, index]) for index in range(len(DISEASES))]
    sums = _sums_of_patients(position, truth, probabilities)
    batches = []
    for weights in patient_weights(patients, n_resamples, seed, max(1, WEIGHTS_AT_ONCE * patients // position.size)):
        of_images = np.ascontiguousarray(weights.T, dtype=np.float32)[position]
        with np.errstate(invalid="ignore", divide="ignore"):
            batches.append(_of_sums(weights @ sums) | _of_ranks(of_images, ranks))
    return {name: np.concatenate([batch[name] for batch in batches]) for name in METRICS}


def _sums_of_patients(position: np.ndarray, truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the additive quantities of each patient: confusion counts, log loss, calibration gaps; (patients, 65)."""
    cells = np.zeros((truth.size, len(DISEASES) ** 2))
    cells[np.arange(truth.size), truth * len(DISEASES) + probabilities.argmax(axis=1)] = 1
    of_images = np.column_stack([cells, log_losses(truth, probabilities), calibration_gaps(truth, probabilities).T])
    sums = np.zeros((int(position.max()) + 1, of_images.shape[1]))
    np.add.at(sums, position, of_images)
    return sums


def _of_sums(sums: np.ndarray) -> Resamples:
    """Return the metrics that follow from the sums of each resample, (n_resamples, 65)."""
    cells, losses, gaps = np.split(sums, [len(DISEASES) ** 2, len(DISEASES) ** 2 + 1], axis=1)
    images = cells.sum(axis=1)
    return {
        **_confusion_metrics(cells.reshape(-1, len(DISEASES), len(DISEASES))),
        "log_loss": losses[:, 0] / images,
        "ece": np.abs(gaps).sum(axis=1) / images,
    }


def _of_ranks(weights: np.ndarray, ranks: Sequence["Ranks"]) -> Resamples:
    """Return AUROC and average precision of every class from the weights of the images, (n, n_resamples) float32."""
    return {
        f"{name}_{key}": values
        for key, rank in zip(CLASS_NAMES_IN_KEYS, ranks, strict=True)
        for name, values in rank.metrics(weights).items()
    }


def _confusion_metrics(matrices: np.ndarray) -> Resamples:
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    support, predicted = matrices.sum(axis=2), matrices.sum(axis=1)
    recall = hits / support  # NaN where the resample has no image of the class
    precision, f1 = hits / predicted, np.where(support > 0, 2 * hits / (support + predicted), np.nan)
    return {
        "accuracy": accuracy(matrices),
        "balanced_accuracy": np.nanmean(recall, axis=1),
        "macro_f1": macro_f1(matrices),
        **{
            f"{name}_{key}": values[:, index]
            for name, values in (("recall", recall), ("precision", precision), ("f1", f1))
            for index, key in enumerate(CLASS_NAMES_IN_KEYS)
        },
    }


class Ranks:
    """Ranks of one class's images among all images by falling score; tied scores share a step.

    Args:
        is_class: (n,) bool.
        scores: (n,) float.
    """

    def __init__(self, is_class: np.ndarray, scores: np.ndarray):
        self.order = np.argsort(-scores, kind="stable")
        falling = scores[self.order]
        self.mine = np.flatnonzero(is_class[self.order])  # ranks of the class's images
        self.before = np.searchsorted(-falling, -falling[self.mine], side="left")  # images with a higher score
        self.until = np.searchsorted(-falling, -falling[self.mine], side="right")  # images with a higher or equal score
        self.mine_before = np.searchsorted(self.mine, self.before)
        self.mine_until = np.searchsorted(self.mine, self.until)

    def metrics(self, weights: np.ndarray) -> Resamples:
        """Return AUROC and average precision of each resample.

        Average precision is the mean, over the class's images, of the precision at their score. AUROC is the share of
        pairs with an image of another class that are ranked correctly; a tie counts half.
        """
        every, hits = _running_sums(weights, self.order), _running_sums(weights, self.order[self.mine])
        own = weights[self.order[self.mine]]
        positives, negatives = hits[-1].astype(np.float64), (every[-1] - hits[-1]).astype(np.float64)
        others_before = every[self.before] - hits[self.mine_before]
        others_until = every[self.until] - hits[self.mine_until]
        precision = np.divide(hits[self.mine_until], every[self.until], out=np.zeros_like(own), where=own > 0)
        wrong_way = np.einsum("id,id->d", own, others_before + others_until, dtype=np.float64) / 2
        return {
            "auroc": 1 - wrong_way / (positives * negatives),
            "average_precision": np.einsum("id,id->d", own, precision, dtype=np.float64) / positives,
        }


def _running_sums(weights: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the sums of the first 0, 1, … rows in this order, (rows + 1, n_resamples) float32.

    The sums are exact: weights are integers. A loop over rows, because `numpy.cumsum` along the first axis is several
    times slower.
    """
    sums = np.zeros((len(order) + 1, weights.shape[1]), dtype=np.float32)
    for place, image in enumerate(order):
        np.add(sums[place], weights[image], out=sums[place + 1])
    return sums
