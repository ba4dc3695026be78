"""Fit the scores of `imaging.quality.chest` to drawings; `python -m lung_cxr.synthetic.chest_scores` writes them.

No radiograph of a real person goes in, so the file may be shipped. Everything follows from `SEED`.
"""

from collections.abc import Callable

import numpy as np
from joblib import Parallel, delayed
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from lung_cxr.diseases import DISEASES
from lung_cxr.imaging.quality.chest import SCORES, WEIGHTS, contrast_free
from lung_cxr.synthetic.disturbed import SIDE, disturbed
from lung_cxr.synthetic.phantom.anatomy import draw_chest
from lung_cxr.synthetic.phantom.body_parts import draw_other_part
from lung_cxr.synthetic.phantom.exposure import Film, draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_lateral

SEED = 11
FILM_SIDE = 192  # pixels drawn
FRONTAL, LATERAL, FOREIGN, NOISE = 700, 250, 250, 600  # pictures drawn
FILMS = 6  # disturbed films of each drawing, beside the drawing itself
POSE_PENALTY = 1e-3  # of the squared norm: the smallest with which scores of real films did not spread further
INVERSE_PENALTY = 0.3  # C of LogisticRegression: of 0.3, 1 and 3 the one that found most at equal false alarms

Features = NDArray[np.float64]


def fit_scores() -> NDArray[np.float64]:
    """Return the weights of all scores, (24 · 24 + 1, 3): one column a score, the last row the bias."""
    frontal = _both_sides(_films(_draw_frontal, FRONTAL, 0))
    lateral = _both_sides(_films(_draw_lateral, LATERAL, 1))
    foreign = np.concatenate([_both_sides(_films(_draw_foreign, FOREIGN, 2)), _noise(default_rng([SEED, 3]))])
    columns = {
        "pose": np.append(_fit_pose(frontal), 0.0),
        "lateral": _fit_against(frontal, lateral),
        "foreign": _fit_against(frontal, np.concatenate([np.rot90(foreign, k, axes=(1, 2)) for k in range(4)])),
    }
    return np.stack([columns[name] for name in SCORES], axis=1)


def write_scores() -> None:
    """Fit and write `imaging/quality/chest_scores.csv`."""
    np.savetxt(WEIGHTS, fit_scores(), fmt="%.4g", delimiter=",", header=",".join(SCORES), comments="")


def _films(draw: Callable[[Generator, int], Film], drawings: int, purpose: int) -> Features:
    """(drawings · (FILMS + 1), 24, 24)."""
    made = Parallel(n_jobs=-1)(delayed(_films_of_one)(draw, [SEED, purpose, n]) for n in range(drawings))
    return np.concatenate(made)


def _films_of_one(draw: Callable[[Generator, int], Film], seed: list[int]) -> Features:
    generator = default_rng(seed)
    pixels = np.clip(draw(generator, seed[-1]).pixels, 0, 1).astype(np.float32)
    drawing = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BOX))
    films = [(drawing * 255).astype(np.uint8), *(disturbed(drawing, generator) for _ in range(FILMS))]
    return np.stack([contrast_free(film) for film in films]).astype(np.float64)


def _draw_frontal(generator: Generator, number: int) -> Film:
    chest = draw_chest(generator, "FM"[number % 2])
    view = "AP" if number % 4 == 0 else "PA"
    return draw_radiograph(generator, chest, DISEASES[number % len(DISEASES)], view, FILM_SIDE)


def _draw_lateral(generator: Generator, number: int) -> Film:
    return draw_lateral(generator, draw_chest(generator, "FM"[number % 2]), FILM_SIDE)


def _draw_foreign(generator: Generator, _: int) -> Film:
    return draw_other_part(generator, FILM_SIDE)


def _noise(generator: Generator) -> Features:
    """Texture of every coarseness: photographs, documents and broken files are nearer to it than to a chest."""
    pictures = []
    for number in range(NOISE):
        coarse = generator.standard_normal((2 ** (2 + number % 6),) * 2).astype(np.float32)
        smooth = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        low, high = np.percentile(smooth, (0.5, 99.5))
        pictures.append(contrast_free(np.clip((smooth - low) / (high - low) * 255, 0, 255).astype(np.uint8)))
    return np.stack(pictures).astype(np.float64)


def _both_sides(films: Features) -> Features:
    return np.concatenate([films, films[:, :, ::-1]])


def _fit_pose(films: Features) -> Features:
    """Weights that score a film higher as it is than turned or with black and white exchanged.

    A conditional logit over its four turns in both polarities; the scores change sign with the polarity.
    """
    turns = np.stack([np.rot90(films, k, axes=(1, 2)) for k in range(4)], axis=1).reshape(len(films), 4, -1)

    def loss(weights: Features) -> tuple[float, Features]:
        scores = turns @ weights
        both = np.concatenate([scores, -scores], axis=1)
        likelihood = np.exp(both - both.max(axis=1, keepdims=True))
        likelihood /= likelihood.sum(axis=1, keepdims=True)
        slope = likelihood[:, :4] - likelihood[:, 4:]
        slope[:, 0] -= 1
        value = -np.log(likelihood[:, 0]).mean() + POSE_PENALTY / 2 * weights @ weights
        return value, np.einsum("nk,nkd->d", slope, turns) / len(films) + POSE_PENALTY * weights

    return minimize(loss, np.zeros(turns.shape[2]), jac=True, method="L-BFGS-B", options={"maxiter": 300}).x


def _fit_against(frontal: Features, other: Features) -> Features:
    """Weights and bias: above 0 where a film is rather one of the others (logistic regression)."""
    films = np.concatenate([frontal, other]).reshape(len(frontal) + len(other), -1)
    is_other = np.arange(len(films)) >= len(frontal)
    model = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(films, is_other)
    return np.append(model.coef_[0], model.intercept_)


if __name__ == "__main__":
    write_scores()
