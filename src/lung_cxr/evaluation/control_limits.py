"""Control limits of one batch of images against a reference, for shares and mean percentiles (Shewhart charts).

Three sources of variation widen the limits: the images of the batch, the images of the reference, and the batch as a
whole. Ordinary months differ by more than chance (season, staff, wards); the correlation ρ of two images of one batch
measures it. A mean of n images then has the variance s² (1/n + ρ) instead of s²/n (design effect, Kish 1965), and
limits without it would raise an alarm for every large batch.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.stats import betabinom, norm

UNIFORM_VARIANCE = 1 / 12  # of the percentile (0 to 1) of an image like those of the reference


class Limits(NamedTuple):
    """Control limits: `low` and `high` are inside."""

    low: float
    high: float


@lru_cache(maxsize=4096)
def share_limits(expected: float, reference_size: int, size: int, correlation: float, tail: float) -> Limits:
    """Return the limits of the share of a batch's images with some property.

    The number of such images is beta-binomial: its probability varies between batches (ρ), and the share of the
    reference is itself an estimate. Limits are exact quantiles, so that small batches and rare properties keep `tail`.

    Args:
        expected: Share in the reference.
        reference_size: Number of independent images of the reference.
        size: Number of independent images of the batch.
        correlation: ρ, 0 to 1.
        tail: Largest probability below the lower limit, and above the upper one.
    """
    share = (expected * reference_size + 0.5) / (reference_size + 1)  # Jeffreys: a share of 0 has limits too
    spread = min(correlation + 1 / (reference_size + 2), 0.999)
    concentration = 1 / spread - 1
    counts = np.arange(size + 1)
    at_most = np.cumsum(betabinom.pmf(counts, size, share * concentration, (1 - share) * concentration))
    low, high = (int(np.searchsorted(at_most, level)) for level in (tail, 1 - tail))
    return Limits(low / size, min(high, size) / size)


def percentile_limits(reference_size: int, size: int, correlation: float, tail: float) -> Limits:
    """Return the limits of the mean percentile (0 to 1) of a batch's images, 0.5 in the reference.

    Percentiles are uniform in the reference for any distribution of the metric, and a mean of 20 or more is close
    to normal; the mean of a skewed metric itself would not be.

    Args:
        reference_size, size, correlation, tail: As in `share_limits`.
    """
    spread = np.sqrt(UNIFORM_VARIANCE * (1 / size + 1 / reference_size + correlation))
    distance = float(norm.isf(tail) * spread)
    return Limits(max(0.0, 0.5 - distance), min(1.0, 0.5 + distance))


def mean_percentile(values: np.ndarray, quantiles: list[float]) -> float:
    """Return the mean share of reference images below each value, 0 to 1; equal values count half.

    Args:
        values: (n,) float, without NaN.
        quantiles: Equally spaced quantiles of the reference, 0 % to 100 %.
    """
    known, levels = np.array(quantiles), np.linspace(0, 1, len(quantiles))
    up_to = np.interp(values, known, levels)
    below = 1 - np.interp(-values, -known[::-1], levels)
    return float((up_to + below).mean() / 2)
