"""Score whether an image looks like an upright frontal chest: linear scores of a small, contrast-free version of it.

The weights (`chest_scores.csv`) were fitted to synthetic drawings only (`tools/fit_chest_scores.py`).
`docs/results/qc_public_cxr.md` reports their results on real radiographs. The scores do not detect mirrored images: a
score for left and right, fitted in the same way, was wrong on one real radiograph in five.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 24  # pixels of the small image: too coarse for ribs, fine enough for lungs, spine and diaphragm
TRIMMED_SIDE = 128  # pixels at which borders are cut off
NO_DETAIL = 12  # SD of the grey values (0…255) along a line; below it, the line is border
LEAST_LEFT = 0.3  # share of either side; if less remains after cutting, nothing is cut
LOCAL = 3.2  # pixels: sigma of the Gaussian mean that is subtracted
SCORES = ("pose", "lateral", "foreign")  # columns of chest_scores.csv; "foreign": non-chest
WEIGHTS = Path(__file__).with_name("chest_scores.csv")

Grey = npt.NDArray[np.uint8]
Small = npt.NDArray[np.float32]


def measure_chest(image: Grey) -> dict[str, float]:
    """Score an image. Each score is a difference of two classes' scores, 0 where both are equally likely.

    Args:
        image: (H, W) uint8, before padding.

    Returns:
        `inversion`: best pose with black and white exchanged, minus best pose of the image itself;
        `rotation`: best pose at 90, 180 or 270 degrees, minus the upright pose;
        `lateral`: a lateral view against a frontal one;
        `foreign`: a non-chest against an upright frontal chest;
        `turned_foreign`: the same after rotation to the best pose, so that a rotated chest is not called a non-chest.
    """
    small = contrast_free(image)
    weights = _weights()
    turns = np.stack([np.rot90(small, k).ravel() for k in range(4)])
    poses = turns @ weights["pose"][:-1]
    upright = turns[0]
    return {
        "inversion": float((-poses).max() - poses.max()),
        "rotation": float(poses[1:].max() - poses[0]),
        "lateral": _score(upright, weights["lateral"]),
        "foreign": _score(upright, weights["foreign"]),
        "turned_foreign": _score(turns[int(poses.argmax())], weights["foreign"]),
    }


def contrast_free(image: Grey) -> Small:
    """Return features that do not depend on exposure: ranks of grey values minus their local mean.

    Args:
        image: (H, W) uint8.

    Returns:
        (24, 24) float32 of norm 1; zeros for a constant image.
    """
    framed = cv2.resize(image, (TRIMMED_SIDE, TRIMMED_SIDE), interpolation=cv2.INTER_AREA).astype(np.uint8)
    trimmed = _without_borders(framed)
    small = cv2.resize(trimmed, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    ranks = np.searchsorted(np.sort(small, axis=None), small, side="left").astype(np.float32)
    ranks += np.searchsorted(np.sort(small, axis=None), small, side="right").astype(np.float32)
    local = ranks - cv2.GaussianBlur(ranks, (0, 0), LOCAL, borderType=cv2.BORDER_REPLICATE)
    local -= local.mean()
    norm = float(np.linalg.norm(local))
    return local / norm if norm > 0 else np.zeros_like(local)


def _without_borders(image: Grey) -> Grey:
    """Cut off border lines without detail: black borders, white boxes, the rim of a photographed sheet."""
    bounds = []
    for axis in (1, 0):
        busy = np.flatnonzero(image.std(axis=axis) > NO_DETAIL)
        if len(busy) == 0 or busy[-1] + 1 - busy[0] < LEAST_LEFT * TRIMMED_SIDE:
            return image
        bounds.append(slice(busy[0], busy[-1] + 1))
    return image[bounds[0], bounds[1]]


def _score(features: Small, weights: Small) -> float:
    return float(features @ weights[:-1] + weights[-1])


@cache
def _weights() -> dict[str, Small]:
    """Return score → (24 · 24 + 1,) float32: one weight per pixel of the small image, row by row, then the bias."""
    table = np.loadtxt(WEIGHTS, delimiter=",", skiprows=1, dtype=np.float32)
    return {name: np.ascontiguousarray(column) for name, column in zip(SCORES, table.T, strict=True)}
