"""Distance of an image to the training images: k-nearest-neighbour distance of pooled features.

Deep nearest neighbours (Sun et al. 2022): features are scaled to length 1, and an image whose k-th nearest training
image is far is unlike all that the network was trained on. A random part of the training images serves as well as all.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

NEIGHBOURS = 10  # k; ours: small, because a rare class may have few images
REFERENCES = 2000  # most training images kept: 4 MB for 1,024 features of float16
QUANTILES = 101  # stored quantiles of the validation distances: 0 %, 1 % … 100 %
ROWS_AT_ONCE = 1024


def choose_references(labels: np.ndarray, most: int = REFERENCES) -> np.ndarray:
    """Return positions of at most `most` training images, as equal in number over the classes as possible, sorted.

    Args:
        labels: (n,) int class indices of the training images.
        most: Number of positions to choose.
    """
    order = np.random.default_rng(0).permutation(labels.size)
    ranks = np.empty(labels.size, dtype=np.int64)
    for label in np.unique(labels):
        own = order[labels[order] == label]
        ranks[own] = np.arange(own.size)
    return np.sort(order[np.argsort(ranks[order], kind="stable")][:most])


def unit_length(features: np.ndarray) -> np.ndarray:
    """Return (n, d) features divided by their Euclidean length, float32."""
    lengths = np.linalg.norm(features.astype(np.float32), axis=1, keepdims=True)
    return features.astype(np.float32) / np.maximum(lengths, np.finfo(np.float32).tiny)


def distances(features: np.ndarray, references: np.ndarray) -> np.ndarray:
    """Return the distance of each image to its k-th nearest reference, (n,) float64 in 0…2.

    Args:
        features: (n, d) float, pooled features of the images.
        references: (m, d) float, pooled features of training images.
    """
    known = unit_length(references)
    nearest = min(NEIGHBOURS, len(known)) - 1
    found = [np.empty(0)]
    for start in range(0, len(features), ROWS_AT_ONCE):
        cosine = unit_length(features[start : start + ROWS_AT_ONCE]) @ known.T
        squared = np.partition(2.0 - 2.0 * cosine.astype(np.float64), nearest, axis=1)[:, nearest]
        found.append(np.sqrt(np.maximum(squared, 0)))
    return np.concatenate(found)


def describe_distances(of_validation: np.ndarray) -> dict[str, Any]:
    """Return `neighbours` and the `quantiles` (0 %, 1 % … 100 %) of the validation images' distances."""
    quantiles = np.quantile(of_validation, np.linspace(0, 1, QUANTILES))
    return {"neighbours": NEIGHBOURS, "quantiles": quantiles.tolist()}


def distance_threshold(quantiles: Sequence[float], share: float) -> float:
    """Return the distance that a `share` of the validation images exceeds."""
    return float(np.interp(1 - share, np.linspace(0, 1, len(quantiles)), quantiles))


def percentiles(found: np.ndarray, quantiles: Sequence[float]) -> np.ndarray:
    """Return the share of validation images with a smaller distance, (n,) in percent."""
    return 100 * np.interp(found, quantiles, np.linspace(0, 1, len(quantiles)))
