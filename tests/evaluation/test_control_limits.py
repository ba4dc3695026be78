"""Control limits: the stated false-alarm rate by simulation, limits by hand, and percentiles with ties."""

import numpy as np
import pytest
from scipy.stats import binom

from lung_cxr.evaluation.control_limits import mean_percentile, percentile_limits, share_limits

SHARES, METRICS = np.array([0.45, 0.2, 0.11, 0.09, 0.07, 0.05, 0.03, 0.01]), 6
RATE, CORRELATION, REFERENCE = 0.05, 0.01, 400
TAIL = RATE / (2 * (len(SHARES) + METRICS))


def month(rng, reference, size, shift, correlation):
    """Whether any quantity of one batch of unchanged images is outside its limits."""
    for share, expected in zip(SHARES, reference["shares"], strict=True):
        spread = 1 / correlation - 1 if correlation else np.inf
        own = rng.beta(share * spread, (1 - share) * spread) if correlation else share
        low, high = share_limits(float(expected), REFERENCE, size, CORRELATION, TAIL)
        if not low <= rng.binomial(size, own) / size <= high:
            return True
    low, high = percentile_limits(REFERENCE, size, CORRELATION, TAIL)
    for quantiles in reference["quantiles"]:
        values = np.exp(shift + rng.normal(size=size) + rng.normal(scale=np.sqrt(correlation)))  # skewed
        if not low <= mean_percentile(values, quantiles) <= high:
            return True
    return False


def alarms(shift=0.0, batches=1500, correlation=CORRELATION):
    rng = np.random.default_rng(0)
    found = []
    for number in range(batches):
        if number % 20 == 0:
            samples = np.exp(rng.normal(size=(METRICS, REFERENCE)))
            quantiles = np.quantile(samples, np.linspace(0, 1, 101), axis=1).T.tolist()
            reference = {"shares": rng.binomial(REFERENCE, SHARES) / REFERENCE, "quantiles": quantiles}
        found.append(month(rng, reference, int(rng.choice([20, 60, 200, 500])), shift, correlation))
    return np.mean(found)


def test_unchanged_batches_raise_alarms_at_the_stated_rate():
    """1,500 batches: a standard error of 0.6 points at 5 %; discrete limits make rare classes raise fewer."""
    assert 0.02 <= alarms() <= RATE + 0.012


def test_a_shift_of_one_standard_deviation_raises_an_alarm_and_months_of_more_variation_do_too():
    assert alarms(shift=1.0, batches=100) > 0.97
    assert alarms(correlation=0.05, batches=200) > 3 * RATE, "ordinary variation beyond the assumed one"


def test_without_correlation_and_with_a_large_reference_the_limits_are_binomial():
    low, high = share_limits(0.2, 10**9, 150, 0.0, 0.001)
    assert (150 * low, 150 * high) == pytest.approx((binom.ppf(0.001, 150, 0.2), binom.ppf(0.999, 150, 0.2)))
    assert binom.cdf(150 * low - 1, 150, 0.2) < 0.001 > binom.sf(150 * high, 150, 0.2)


def test_limits_narrow_with_the_batch_down_to_the_variation_between_batches():
    widths = [high - low for low, high in (percentile_limits(10**9, n, 0.01, 0.001) for n in (20, 200, 10**9))]
    assert widths == pytest.approx([2 * 3.0902 * np.sqrt((1 / n + 0.01) / 12) for n in (20, 200, 10**9)], rel=1e-4)
    assert share_limits(0.0, 50, 20, 0.01, 0.001).low == 0 < share_limits(0.0, 50, 20, 0.01, 0.001).high < 0.5


def test_percentiles_of_equal_values_count_half():
    quantiles = [0.0, 0.0, 0.0, 1.0, 2.0]  # half of the reference is 0
    assert mean_percentile(np.array([0.0]), quantiles) == 0.25
    assert mean_percentile(np.array([1.5]), quantiles) == 0.875
    assert mean_percentile(np.array([-1.0, 9.0]), quantiles) == 0.5
