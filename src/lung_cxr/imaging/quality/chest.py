"""Does an image look like an upright frontal chest? Linear scores of a small, contrast-free picture of it.

The weights (`chest_scores.csv`) were fitted to drawings only (`lung_cxr.synthetic.chest_scores`), no radiograph of a
real person; `docs/results/qc_public_cxr.md` says what they find on real ones. Left and right are not told apart: a
score for that, fitted in the same way, was wrong on one real film in five.
"""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 24  # pixels of the small picture: ribs are gone, lungs, spine and diaphragm are not
TRIMMED_SIDE = 128  # pixels, where borders are cut off
NO_DETAIL = 12  # SD along a line, of 255: below it the line is border
LEAST_LEFT = 0.3  # of either side; if less is left after cutting, nothing is cut
LOCAL = 3.2  # pixels: the mean over this Gaussian is taken out
SCORES = ("pose", "lateral", "foreign")
WEIGHTS = Path(__file__).with_name("chest_scores.csv")

Grey = npt.NDArray[np.uint8]
Small = npt.NDArray[np.float32]


def measure_chest(image: Grey) -> dict[str, float]:
    """Score an image; all are differences of scores, 0 where either is as likely.

    Args:
        image: (H, W) uint8, before padding.

    Returns:
        `inversion`: best pose with black and white exchanged over best pose as it is;
        `rotation`: best pose turned by 90, 180 or 270 degrees over upright;
        `lateral`: a side view over a frontal one;
        `foreign`: anything else over an upright frontal chest;
        `turned_foreign`: the same once it is turned as fits best, so that a turned chest is not taken for foreign.
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
    """Reduce an image to what does not depend on exposure: ranks of grey values, less the surroundings' mean.

    Args:
        image: (H, W) uint8.

    Returns:
        (24, 24) float32 of norm 1; all 0 for a constant image.
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
    """Cut off lines along which nothing changes: black borders, boxes of white, the rim of a photographed film."""
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
    """Score → (24 · 24 + 1,) float32: a weight for each pixel of the small picture, row by row, and the bias."""
    table = np.loadtxt(WEIGHTS, delimiter=",", skiprows=1, dtype=np.float32)
    return {name: np.ascontiguousarray(column) for name, column in zip(SCORES, table.T, strict=True)}
