"""Probabilities at another temperature. Needs NumPy alone, so that a bundle starts quickly."""

import numpy as np

LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # smallest normal float32: a logit of −87


def scaled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(logits / temperature), (n, 7) float64, from the probabilities at temperature 1."""
    logits = np.log(np.maximum(probabilities, LEAST_PROBABILITY)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
