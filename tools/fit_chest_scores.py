"""Fit the scores of `imaging.quality.chest` to drawings: `python tools/fit_chest_scores.py`.

The fit uses no radiograph of a real person, so its result can be shipped. It depends on `SEED` only.
"""

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from disturb_drawings import SIDE, disturb
from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.quality.chest import SCORES, WEIGHTS, contrast_free
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import draw_other_part
from lung_cxr.synthetic.phantom.frontal import DrawnImage, draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_lateral

SEED = 11
DRAWN_SIDE = 192  # pixels drawn
FRONTAL, LATERAL, NON_CHEST, NOISE = 700, 250, 250, 600  # images drawn
DISTURBED = 6  # disturbed copies of each drawing, in addition to the drawing itself
POSE_PENALTY = 1e-3  # of the squared norm: the smallest at which scores of real radiographs did not spread further
INVERSE_PENALTY = 0.3  # C of LogisticRegression: of 0.3, 1 and 3 the most sensitive at equal false alarms

Features = NDArray[np.float64]


def fit_scores() -> NDArray[np.float64]:
    """Return the weights of all scores, (24 · 24 + 1, 3): one column per score, the last row is the bias."""
    frontal = _both_sides(_images(_draw_frontal, FRONTAL, 0))
    lateral = _both_sides(_images(_draw_lateral, LATERAL, 1))
    non_chest = np.concatenate([_both_sides(_images(_draw_non_chest, NON_CHEST, 2)), _noise(default_rng([SEED, 3]))])
    columns = {
        "pose": np.append(_fit_pose(frontal), 0.0),
        "lateral": _fit_against(frontal, lateral),
        "foreign": _fit_against(frontal, np.concatenate([np.rot90(non_chest, k, axes=(1, 2)) for k in range(4)])),
    }
    return np.stack([columns[name] for name in SCORES], axis=1)


def write_scores() -> None:
    """Fit and write `imaging/quality/chest_scores.csv`."""
    np.savetxt(WEIGHTS, fit_scores(), fmt="%.4g", delimiter=",", header=",".join(SCORES), comments="")


def _images(draw: Callable[[Generator, int], DrawnImage], drawings: int, purpose: int) -> Features:
    """Draw in parallel; return (drawings · (DISTURBED + 1), 24, 24)."""
    made = Parallel(n_jobs=-1)(delayed(_copies_of_one)(draw, [SEED, purpose, n]) for n in range(drawings))
    return np.concatenate(made)


def _copies_of_one(draw: Callable[[Generator, int], DrawnImage], seed: list[int]) -> Features:
    generator = default_rng(seed)
    pixels = np.clip(draw(generator, seed[-1]).pixels, 0, 1).astype(np.float32)
    drawing = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))
    images = [(drawing * 255).astype(np.uint8), *(disturb(drawing, generator) for _ in range(DISTURBED))]
    return np.stack([contrast_free(image) for image in images]).astype(np.float64)


def _draw_frontal(generator: Generator, number: int) -> DrawnImage:
    chest = draw_chest(generator, "FM"[number % 2])
    view = "AP" if number % 4 == 0 else "PA"
    return draw_radiograph(generator, chest, DISEASES[number % len(DISEASES)], view, DRAWN_SIDE)


def _draw_lateral(generator: Generator, number: int) -> DrawnImage:
    return draw_lateral(generator, draw_chest(generator, "FM"[number % 2]), DRAWN_SIDE)


def _draw_non_chest(generator: Generator, _: int) -> DrawnImage:
    return draw_other_part(generator, DRAWN_SIDE)


def _noise(generator: Generator) -> Features:
    """Return texture of every coarseness: photographs, documents and damaged files resemble it more than a chest."""
    images = []
    for number in range(NOISE):
        coarse = generator.standard_normal((2 ** (2 + number % 6),) * 2).astype(np.float32)
        smooth = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        low, high = np.percentile(smooth, (0.5, 99.5))
        images.append(contrast_free(np.clip((smooth - low) / (high - low) * 255, 0, 255).astype(np.uint8)))
    return np.stack(images).astype(np.float64)


def _both_sides(images: Features) -> Features:
    return np.concatenate([images, images[:, :, ::-1]])


def _fit_pose(images: Features) -> Features:
    """Fit weights that score an upright image above its rotated and inverted copies.

    A conditional logit over four rotations in both polarities; the sign of a score changes with the polarity.
    """
    turns = np.stack([np.rot90(images, k, axes=(1, 2)) for k in range(4)], axis=1).reshape(len(images), 4, -1)

    def loss(weights: Features) -> tuple[float, Features]:
        scores = turns @ weights
        both = np.concatenate([scores, -scores], axis=1)
        likelihood = np.exp(both - both.max(axis=1, keepdims=True))
        likelihood /= likelihood.sum(axis=1, keepdims=True)
        slope = likelihood[:, :4] - likelihood[:, 4:]
        slope[:, 0] -= 1
        value = -np.log(likelihood[:, 0]).mean() + POSE_PENALTY / 2 * weights @ weights
        return value, np.einsum("nk,nkd->d", slope, turns) / len(images) + POSE_PENALTY * weights

    return minimize(loss, np.zeros(turns.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def _fit_against(frontal: Features, other: Features) -> Features:
    """Fit a logistic regression; return weights and bias. Scores above 0 mean `other`."""
    images = np.concatenate([frontal, other]).reshape(len(frontal) + len(other), -1)
    is_other = np.arange(len(images)) >= len(frontal)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(images, is_other)
    return np.append(model.coef_[0], model.intercept_)


if __name__ == "__main__":
    write_scores()
