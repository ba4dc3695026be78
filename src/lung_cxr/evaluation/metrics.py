"""Classification metrics: accuracy and macro-F1 (Tables 3 and 4), confusion matrix (Fig. 5), AUROC, calibration error.

The predicted class is the most probable one; a tie goes to the class that comes first in `DISEASES`. Macro-F1 and
balanced accuracy are means over the classes that occur among the labels: a class without a test image has no recall,
and counting it as zero would penalise the test set, not the model.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.undefined import Numbers, all_undefined, undefined

CLASS_NAMES_IN_KEYS = tuple(column.removeprefix("p_") for column in PROBABILITY_COLUMNS)
"""`DISEASES` as they appear in names of metrics: `recall_covid_19`."""

PER_CLASS_METRICS = ("precision", "recall", "f1", "auroc", "average_precision")
OVERALL_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "ece")
METRICS = OVERALL_METRICS + tuple(f"{metric}_{key}" for key in CLASS_NAMES_IN_KEYS for metric in PER_CLASS_METRICS)

NO_IMAGE = "the test set has no image"

CALIBRATION_BINS = 15  # equal-width bins of confidence, as in Guo et al. 2017
SUM_TOLERANCE = 1e-2  # rows of a bfloat16 softmax sum to 1 up to a few thousandths


def classification_metrics(labels: Sequence[str], probabilities: np.ndarray) -> Numbers:
    """Return every metric of one test set.

    Args:
        labels: n class names, each one of `DISEASES`.
        probabilities: (n, 7) float, rows sum to 1, columns in the order of `DISEASES`.

    Returns:
        `accuracy, balanced_accuracy, macro_f1, log_loss` (nats), `ece` (top label, 15 equal-width bins), and
        per class `precision_<class>, recall_<class>, f1_<class>, auroc_<class>, average_precision_<class>`
        (one class against the rest), each a fraction. An undefined metric is NaN with `<name>_reason`.

    Raises:
        ValueError: A label is not one of the seven, or the probabilities have another shape or do not sum to 1.
    """
    truth, probabilities = label_indices(labels), _checked(labels, probabilities)
    if truth.size == 0:
        return all_undefined(METRICS, NO_IMAGE)
    predicted = probabilities.argmax(axis=1)
    matrix = count_matrix(truth, predicted)
    per_class = [_class_metrics(index, matrix, truth, probabilities) for index in range(len(DISEASES))]
    return {
        "accuracy": float(accuracy(matrix)),
        "balanced_accuracy": float(np.mean(_recalls(matrix))),
        "macro_f1": float(macro_f1(matrix)),
        "log_loss": float(log_losses(truth, probabilities).mean()),
        "ece": expected_calibration_error(truth, probabilities),
        **_merged(per_class),
    }


def label_indices(labels: Sequence[str]) -> np.ndarray:
    """Return the class index of each label, (n,) int64."""
    unknown = set(labels) - set(DISEASES)
    if unknown:
        raise ValueError(f"labels must be names of diseases.DISEASES; found {len(unknown)} other name(s)")
    position = {name: index for index, name in enumerate(DISEASES)}
    return np.array([position[label] for label in labels], dtype=np.int64)


def count_matrix(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return the (7, 7) int confusion matrix of class indices: rows are the truth, columns the prediction."""
    classes = len(DISEASES)
    return np.bincount(truth * classes + predicted, minlength=classes**2).reshape(classes, classes)


def normalised_by_truth(matrix: np.ndarray) -> np.ndarray:
    """Return each row of a confusion matrix as shares of its class (Fig. 5); a row without images is NaN."""
    support = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, support, out=np.full(matrix.shape, np.nan), where=support > 0)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Return the share of images on the diagonal of (..., 7, 7) counts; NaN where a matrix counts nothing."""
    images = matrix.sum(axis=(-2, -1))
    hits = np.trace(matrix, axis1=-2, axis2=-1)
    return np.divide(hits, images, out=np.full(images.shape, np.nan), where=images > 0)


def macro_f1(matrix: np.ndarray) -> np.ndarray:
    """Return the unweighted mean F1 over the classes that occur.

    Args:
        matrix: (..., 7, 7) counts, rows are the truth; leading axes are separate test sets (bootstrap resamples).

    Returns:
        (...) float in [0, 1]; NaN where a matrix counts nothing.
    """
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    support, predicted = matrix.sum(axis=-1), matrix.sum(axis=-2)
    present = support > 0
    f1 = np.divide(2.0 * hits, support + predicted, out=np.zeros(hits.shape), where=present)
    classes = present.sum(axis=-1)
    return np.divide(f1.sum(axis=-1), classes, out=np.full(classes.shape, np.nan), where=classes > 0)


def log_losses(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return −ln p(true class) of each image, (n,) nats (Eq. 5); p is at least the float32 epsilon."""
    chosen = probabilities[np.arange(truth.size), truth]
    return -np.log(np.clip(chosen, np.finfo(np.float32).eps, 1.0))


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean gap between confidence and accuracy over bins of confidence, weighted by their images.

    Top label, `CALIBRATION_BINS` bins (lower, upper] of equal width (Guo et al. 2017, Eq. 3).
    """
    return float(np.abs(calibration_gaps(truth, probabilities).sum(axis=1)).sum() / truth.size)


def calibration_gaps(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return hit − confidence of each image in the row of its bin of confidence, (bins, n); elsewhere 0."""
    confidence = probabilities.max(axis=1)
    hit = (probabilities.argmax(axis=1) == truth).astype(float)
    gaps = np.zeros((CALIBRATION_BINS, truth.size))
    gaps[calibration_bins(confidence), np.arange(truth.size)] = hit - confidence
    return gaps


def calibration_bins(confidence: np.ndarray) -> np.ndarray:
    """Return the bin of each confidence, (n,) int in [0, `CALIBRATION_BINS`)."""
    return np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)


def _class_metrics(index: int, matrix: np.ndarray, truth: np.ndarray, probabilities: np.ndarray) -> Numbers:
    """Return the five metrics of one class against the rest."""
    name, key = DISEASES[index], CLASS_NAMES_IN_KEYS[index]
    is_class, score = truth == index, probabilities[:, index]
    hits, support, predicted = matrix[index, index], matrix[index].sum(), matrix[:, index].sum()
    unpredicted = None if predicted else f"{name} was never predicted"
    absent = None if support else f"no {name} among the labels"
    alone = f"every label is {name}" if is_class.all() else None
    return _merged(
        [
            _number(f"precision_{key}", lambda: hits / predicted, unpredicted),
            _number(f"recall_{key}", lambda: hits / support, absent),
            _number(f"f1_{key}", lambda: 2 * hits / (support + predicted), absent),
            _number(f"auroc_{key}", lambda: roc_auc_score(is_class, score), absent or alone),
            _number(f"average_precision_{key}", lambda: average_precision_score(is_class, score), absent),
        ]
    )


def _number(name: str, value: Callable[[], float], reason: str | None) -> Numbers:
    """Return the value, or NaN and the reason where there is one."""
    return undefined(name, reason) if reason else {name: float(value())}


def _recalls(matrix: np.ndarray) -> np.ndarray:
    support = matrix.sum(axis=1)
    return np.diag(matrix)[support > 0] / support[support > 0]


def _merged(parts: Iterable[Numbers]) -> Numbers:
    return {name: value for part in parts for name, value in part.items()}


def _checked(labels: Sequence[str], probabilities: np.ndarray) -> np.ndarray:
    probabilities = np.asarray(probabilities, dtype=np.float64)
    expected = (len(labels), len(DISEASES))
    if probabilities.shape != expected:
        raise ValueError(f"probabilities have shape {probabilities.shape}; expected {expected}: one row per label")
    if not np.isfinite(probabilities).all() or (np.abs(probabilities.sum(axis=1) - 1) > SUM_TOLERANCE).any():
        raise ValueError("each row of probabilities must be finite and sum to 1; apply a softmax to logits first")
    return probabilities
