"""Is one strategy better than the other, beyond chance? The paper's paired t-test, and tests per backbone (DESIGN §12).

Two questions that are easily confused. Over backbones (section IV.G of the paper): does the gain recur from
network to network? There a backbone is one observation, and seven of them on one test set share its luck. On one
backbone: would the gain recur with other patients? There a patient is one observation.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from lung_cxr.evaluation.intervals import (
    BOOTSTRAPPED,
    TOO_FEW,
    mean_over_drawn_seeds,
    percentile_interval,
    resampled_metrics,
)
from lung_cxr.evaluation.undefined import Numbers, all_undefined

TEST_NUMBERS = ("mean", "sd", "t", "df", "p", "ci_low", "ci_high", "wilcoxon", "wilcoxon_p", "dz")
EQUAL_WITHIN = 1e-9  # points: one image more or less is 1e-4 and more, what rounding leaves 1e-13 and less
BOOTSTRAP_NUMBERS = tuple(
    f"{metric}_{number}" for metric in BOOTSTRAPPED for number in ("difference_low", "difference_high", "bootstrap_p")
)


def paired_test(differences: Sequence[float], confidence: float = 0.95) -> Numbers:
    """Test whether differences between strategies, one per backbone, are zero on average (section IV.G).

    Args:
        differences: n values, e.g. accuracy of dynamic − traditional fine-tuning in percentage points.
        confidence: Of the interval of the mean.

    Returns:
        `n, mean, sd` (n − 1 in the denominator), `t, df, p` (two-sided paired t-test), `ci_low, ci_high` (of the
        mean, by t), `wilcoxon, wilcoxon_p` (signed-rank statistic W and its two-sided p) and the effect size
        `dz` = mean / sd (Cohen). What is undefined is NaN with `<name>_reason`.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = values.size
    known: Numbers = {"n": n}
    if n:
        known["mean"] = float(values.mean())
    if n > 1:
        known |= {"sd": float(values.std(ddof=1)), "df": n - 1}
    reason = _untestable(values)
    if reason:
        return all_undefined(TEST_NUMBERS, reason, but=known)
    error = known["sd"] / math.sqrt(n)
    t = known["mean"] / error
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    rank_test = stats.wilcoxon(values)
    return known | {
        "t": t,
        "p": float(2 * stats.t.sf(abs(t), n - 1)),
        "ci_low": known["mean"] - half,
        "ci_high": known["mean"] + half,
        "wilcoxon": float(rank_test.statistic),
        "wilcoxon_p": float(rank_test.pvalue),
        "dz": known["mean"] / known["sd"],
    }


def _untestable(values: np.ndarray) -> str | None:
    """Return why a test over these differences is undefined, if it is."""
    if values.size < 2:
        have = "only one has" if values.size else "none has"
        return f"a test over backbones needs at least two with comparable runs of both strategies; {have}"
    rounding = EQUAL_WITHIN * max(1.0, float(np.abs(values).max()))
    return "all differences are equal: their spread is zero" if np.ptp(values) <= rounding else None


def mcnemar_exact(correct_a: np.ndarray, correct_b: np.ndarray) -> Numbers:
    """Compare which images two models get right, exactly (McNemar).

    Images of one patient are taken as independent; where patients have several, `paired_patient_bootstrap` is the
    test to believe.

    Args:
        correct_a: (n,) bool, the images that model A gets right.
        correct_b: (n,) bool, of model B, on the same images.

    Returns:
        `only_a`, `only_b` (images that only one of the two gets right) and `mcnemar_p`, two-sided.
    """
    only_a = int(np.sum(correct_a & ~correct_b))
    only_b = int(np.sum(correct_b & ~correct_a))
    disagreements = only_a + only_b
    p = stats.binomtest(only_a, disagreements, 0.5).pvalue if disagreements else 1.0
    return {"only_a": only_a, "only_b": only_b, "mcnemar_p": float(p)}


def paired_patient_bootstrap(
    counts_a: Sequence[np.ndarray], counts_b: Sequence[np.ndarray], draws: int, confidence: float, seed: int
) -> Numbers:
    """Return how much better A is than B, with an interval over patients: the same patients are drawn for both.

    Of several training seeds each draw also draws as many with replacement, the same ones for both.

    Args:
        counts_a: For each training seed the `counts_per_patient` of model A.
        counts_b: The same of model B, on the same patients and for the same seeds.
        draws: Bootstrap draws.
        confidence: Of the intervals, e.g. 0.95.
        seed: Of the draws.

    Returns:
        For `accuracy` and `macro_f1`: `<metric>_difference_low`, `<metric>_difference_high` (fractions) and
        `<metric>_bootstrap_p`, twice the smaller share of draws on one side of zero, counting the data
        themselves as a draw: never zero.
    """
    if counts_a[0].shape[0] < 2:
        return all_undefined(BOOTSTRAP_NUMBERS, TOO_FEW)
    a = [resampled_metrics(counts, draws, seed) for counts in counts_a]
    b = [resampled_metrics(counts, draws, seed) for counts in counts_b]
    result: Numbers = {}
    for metric in BOOTSTRAPPED:
        by_seed = [ours[metric] - theirs[metric] for ours, theirs in zip(a, b, strict=True)]
        gain = mean_over_drawn_seeds(by_seed, seed)
        low, high = percentile_interval(gain, confidence)
        smaller_side = min(np.sum(gain <= 0), np.sum(gain >= 0))
        p = min(1.0, 2 * float(smaller_side + 1) / (draws + 1))
        result |= {f"{metric}_difference_low": low, f"{metric}_difference_high": high}
        result[f"{metric}_bootstrap_p"] = p
    return result


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number by Holm's step-down method; a NaN is no test and stays NaN."""
    p = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = p[order] * np.arange(order.size, 0, -1)
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted.tolist()
