"""Confident learning (Northcutt et al. 2021, doi.org/10.1613/jair.1.12125) on held-out probabilities, with cleanlab.

It needs the optional package cleanlab: `pip install lung_cxr[label_audit]`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, class_index

AUDIT_COLUMNS = (
    "label",
    "images",
    "recognised",
    "expected_errors",
    "expected_share",
    "most_often",
    "suspects",
    "listed",
)
ALL = "all classes"
RANKING = "normalized_margin"  # probability of the label minus the highest one of another class


class LabelAudit(NamedTuple):
    """Result of an audit.

    Attributes:
        suspects: `contracts.label_suspects`, the most suspect image first.
        by_class: `AUDIT_COLUMNS`, one row per class with images, and their sum. `recognised`: share of the images whose
            most probable class is the label; where it is low, the model errs, not the label. `expected_errors`: images
            that belong to another class by the joint distribution; `most_often`: the most frequent one of these;
            `listed`: suspects in the table.
    """

    suspects: pd.DataFrame
    by_class: pd.DataFrame


def audit_labels(split: pd.DataFrame, probabilities: np.ndarray, max_suspects: int) -> LabelAudit:
    """Return the suspect labels and the expected number of errors by class.

    Args:
        split: `image_id` and `label` of N images.
        probabilities: (N, 7) held-out class probabilities.
        max_suspects: Maximum number of listed images.

    Raises:
        ModuleNotFoundError: cleanlab is not installed.
        ValueError: All images have one label.
    """
    labels = split["label"].map(class_index).to_numpy(dtype=np.int64)
    classes = np.unique(labels)
    if len(classes) == 1:
        raise ValueError(
            f"all images are of the class {DISEASES[classes[0]]}; expected at least two classes to compare"
        )
    codes, known = np.searchsorted(classes, labels), _normalised(probabilities[:, classes])
    joint, ranked = _confident_learning(codes, known)
    listed = ranked[:max_suspects]
    rows = np.arange(len(labels))
    other = np.where(np.arange(len(DISEASES)) == labels[:, None], -1.0, probabilities).argmax(axis=1)
    suspects = pd.DataFrame(
        {
            "image_id": split["image_id"].to_numpy()[listed],
            "label": split["label"].to_numpy()[listed],
            "other_label": np.asarray(DISEASES)[other[listed]],
            "probability": probabilities[rows, labels][listed],
            "other_probability": probabilities[rows, other][listed],
        }
    )
    by_class = _by_class(joint, classes, codes, known.argmax(axis=1) == codes, ranked, listed)
    return LabelAudit(contracts.label_suspects.validate(suspects), by_class)


def label_scores(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return (N,) scores from 0 to 1; the lower, the more suspect is the label.

    Args:
        labels: (N,) int class indices, each below the number of columns.
        probabilities: (N, K) held-out class probabilities.
    """
    require_cleanlab()
    from cleanlab.rank import get_label_quality_scores

    return get_label_quality_scores(labels, probabilities, method=RANKING)


def _confident_learning(codes: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the confident joint (K, K) int, label × class, and the rows of the suspects, the most suspect first."""
    require_cleanlab()
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues

    joint = compute_confident_joint(codes, probabilities, calibrate=True)
    ranked = find_label_issues(codes, probabilities, return_indices_ranked_by=RANKING, n_jobs=1)
    return joint, np.asarray(ranked, dtype=np.int64)


def require_cleanlab() -> None:
    """Raise ModuleNotFoundError if cleanlab is not installed."""
    try:
        import cleanlab  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the label audit needs cleanlab; found no such package. Run `pip install lung_cxr[label_audit]`"
        ) from error


def _normalised(probabilities: np.ndarray) -> np.ndarray:
    """Return probabilities whose rows sum to 1: a class without an image is left out."""
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def _by_class(
    joint: np.ndarray,
    classes: np.ndarray,
    codes: np.ndarray,
    agrees: np.ndarray,
    ranked: np.ndarray,
    listed: np.ndarray,
) -> pd.DataFrame:
    names = np.asarray(DISEASES)[classes]
    images = np.bincount(codes, minlength=len(classes))
    elsewhere = joint - np.diag(np.diag(joint))
    errors = elsewhere.sum(axis=1)
    table = pd.DataFrame(
        {
            "label": names,
            "images": images,
            "recognised": np.bincount(codes[agrees], minlength=len(classes)) / images,
            "expected_errors": errors,
            "expected_share": errors / images,
            "most_often": np.where(errors > 0, names[elsewhere.argmax(axis=1)], ""),
            "suspects": np.bincount(codes[ranked], minlength=len(classes)),
            "listed": np.bincount(codes[listed], minlength=len(classes)),
        }
    )
    total = {name: table[name].sum() for name in ("images", "expected_errors", "suspects", "listed")}
    shares = {"recognised": agrees.mean(), "expected_share": total["expected_errors"] / total["images"]}
    every = pd.DataFrame([{"label": ALL, "most_often": "", **total, **shares}])
    return pd.concat([table, every], ignore_index=True)[list(AUDIT_COLUMNS)]
