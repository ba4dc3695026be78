"""Greedy soup (Wortsman et al. 2022): the mean of the weights of several runs of one network.

Runs are tried in the order of their validation loss; a run stays in the mean if the validation loss does not rise. The
result is one network of the size and latency of a member.
"""

import logging
from collections.abc import Callable, Sequence

import keras
import numpy as np

from lung_cxr.training.ensemble.members import EnsembleError

log = logging.getLogger(__name__)

Weights = list[np.ndarray]


def greedy_soup(model: keras.Model, candidates: Sequence[Weights], loss: Callable[[keras.Model], float]) -> list[int]:
    """Set the mean of the chosen weights; return the positions of the chosen candidates.

    Args:
        model: Network of all candidates.
        candidates: Weights of each run.
        loss: Validation loss of the network with its present weights.

    Raises:
        EnsembleError: The candidates are not runs of one network.
    """
    shapes = [[array.shape for array in weights] for weights in candidates]
    if any(shape != shapes[0] for shape in shapes):
        raise EnsembleError("greedy_soup: the runs have weights of different shapes; expected runs of one backbone")
    alone = [_loss_with(model, weights, loss) for weights in candidates]
    first, *others = np.argsort(alone, kind="stable").tolist()
    chosen, best = [first], alone[first]
    for candidate in others:
        tried = _loss_with(model, _mean([candidates[index] for index in [*chosen, candidate]]), loss)
        if tried <= best:
            chosen, best = [*chosen, candidate], tried
    model.set_weights(_mean([candidates[index] for index in chosen]))
    log.info("Greedy soup of %d of %d runs: validation loss %.4f", len(chosen), len(candidates), best)
    return chosen


def _mean(candidates: Sequence[Weights]) -> Weights:
    return [
        np.mean(arrays, axis=0, dtype=np.float64).astype(arrays[0].dtype) for arrays in zip(*candidates, strict=True)
    ]


def _loss_with(model: keras.Model, weights: Weights, loss: Callable[[keras.Model], float]) -> float:
    model.set_weights(weights)
    return loss(model)
