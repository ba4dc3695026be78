"""Adjust probabilities to other class shares (label shift): Saerens, Latinne and Decaestecker 2002.

If only the shares of the classes differ between training and new images, p'(y|x) ∝ p(y|x) · π'(y) / π(y), where π are
the shares that the probabilities assume. Unknown new shares π' are estimated by expectation maximisation.
"""

import numpy as np

MOST_ITERATIONS = 1000
CONVERGED = 1e-8  # largest change of a share in one iteration


def adjust(probabilities: np.ndarray, assumed: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the probabilities under other class shares, (n, 7) float64; rows sum to 1.

    Args:
        probabilities: (n, 7) float, calibrated.
        assumed: (7,) class shares that the probabilities assume.
        shares: (7,) new class shares.
    """
    ratio = np.divide(shares, assumed, out=np.zeros(len(assumed)), where=assumed > 0)
    weighted = probabilities * ratio
    total = weighted.sum(axis=1, keepdims=True)
    return np.divide(weighted, total, out=probabilities.astype(np.float64), where=total > 0)


def estimate_shares(probabilities: np.ndarray, assumed: np.ndarray) -> np.ndarray:
    """Return the class shares of new images with the highest likelihood, (7,) float64 with sum 1.

    Args:
        probabilities: (n, 7) float, calibrated; at least one image.
        assumed: (7,) class shares that the probabilities assume.
    """
    shares = assumed / assumed.sum()
    for _ in range(MOST_ITERATIONS):
        estimated = adjust(probabilities, assumed, shares).mean(axis=0)
        if np.abs(estimated - shares).max() < CONVERGED:
            return estimated
        shares = estimated
    return shares
