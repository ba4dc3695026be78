"""Paired tests of two strategies: the paper's t-test over backbones, and tests over the patients of one backbone.

The two answer different questions. Over backbones (section IV.G of the paper), a backbone is one observation: does the
gain recur from network to network? Seven backbones on one test set are not independent. On one backbone, a patient is
one observation: would the gain recur with other patients?
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from lung_cxr.evaluation.intervals import (
    BOOTSTRAPPED,
    FEWEST,
    TOO_FEW,
    mean_over_resampled_seeds,
    percentile_interval,
    resampled_metrics,
)
from lung_cxr.evaluation.undefined import Numbers, all_undefined

TEST_NUMBERS = ("mean", "sd", "t", "df", "p", "ci_low", "ci_high", "wilcoxon", "wilcoxon_p", "dz")
EQUAL_WITHIN = 1e-9  # points: one image is worth 1e-4 or more, rounding errors are below 1e-13
BOOTSTRAP_NUMBERS = tuple(
    f"{metric}_{number}" for metric in BOOTSTRAPPED for number in ("difference_low", "difference_high", "bootstrap_p")
)


def paired_test(differences: Sequence[float], confidence: float = 0.95) -> Numbers:
    """Test whether differences between strategies, one per backbone, are zero on average (section IV.G).

    Args:
        differences: n values, e.g. accuracy of dynamic − traditional fine-tuning in percentage points.
        confidence: Level of the interval of the mean.

    Returns:
        `n, mean, sd` (n − 1 in the denominator), `t, df, p` (two-sided paired t-test), `ci_low, ci_high` (interval of
        the mean, by t), `wilcoxon, wilcoxon_p` (signed-rank statistic W and its two-sided p) and the effect size
        `dz` = mean / sd (Cohen). Undefined numbers are NaN with `<name>_reason`.
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


def corrected_resampled_t_test(differences: Sequence[float], test_to_train: float, confidence: float = 0.95) -> Numbers:
    """Test whether differences over the folds of a cross-validation are zero on average (Nadeau and Bengio 2003).

    The training sets of the folds overlap, so the differences are not independent and the plain paired t-test rejects
    too often. The corrected variance of the mean is (1 / n + test_to_train) · s² instead of s² / n.

    Args:
        differences: n values, one per fold and repetition, e.g. accuracy of A − B in percentage points.
        test_to_train: Test images per training image of a fold, e.g. 1 / 4 with five folds.
        confidence: Level of the interval of the mean.

    Returns:
        `n, mean, sd, t, df, p` (two-sided), `ci_low, ci_high`; undefined numbers are NaN with `<name>_reason`.
    """
    values = np.asarray(differences, dtype=np.float64)
    known: Numbers = {"n": values.size, **({"mean": float(values.mean())} if values.size else {})}
    if values.size < 2 or np.ptp(values) <= EQUAL_WITHIN * max(1.0, float(np.abs(values).max())):
        reason = "a test over folds needs two different differences or more"
        return all_undefined(("mean", "sd", "t", "df", "p", "ci_low", "ci_high"), reason, but=known)
    sd, df = float(values.std(ddof=1)), values.size - 1
    error = math.sqrt(1 / values.size + test_to_train) * sd
    t, half = known["mean"] / error, float(stats.t.ppf((1 + confidence) / 2, df)) * error
    return known | {
        "sd": sd,
        "t": t,
        "df": df,
        "p": float(2 * stats.t.sf(abs(t), df)),
        "ci_low": known["mean"] - half,
        "ci_high": known["mean"] + half,
    }


def _untestable(values: np.ndarray) -> str | None:
    """Return the reason why a test over these differences is undefined, or None."""
    if values.size < 2:
        have = "only one has" if values.size else "none has"
        return f"a test over backbones needs two backbones or more with comparable runs of both strategies; {have}"
    rounding = EQUAL_WITHIN * max(1.0, float(np.abs(values).max()))
    return "all differences are equal: their spread is zero" if np.ptp(values) <= rounding else None


def mcnemar_exact(correct_a: np.ndarray, correct_b: np.ndarray) -> Numbers:
    """Compare the correct images of two models by McNemar's exact test.

    The test treats images of one patient as independent. Where patients have several images, rely on
    `paired_patient_bootstrap`.

    Args:
        correct_a: (n,) bool, whether model A classifies each image correctly.
        correct_b: (n,) bool, the same of model B, on the same images.

    Returns:
        `only_a`, `only_b` (images that only one of the two classifies correctly) and `mcnemar_p`, two-sided.
    """
    only_a = int(np.sum(correct_a & ~correct_b))
    only_b = int(np.sum(correct_b & ~correct_a))
    disagreements = only_a + only_b
    p = stats.binomtest(only_a, disagreements, 0.5).pvalue if disagreements else 1.0
    return {"only_a": only_a, "only_b": only_b, "mcnemar_p": float(p)}


def paired_patient_bootstrap(
    counts_a: Sequence[np.ndarray], counts_b: Sequence[np.ndarray], n_resamples: int, confidence: float, seed: int
) -> Numbers:
    """Return intervals and p-values of the difference A − B over resamples of patients, the same ones for both models.

    With several training seeds each resample also resamples the seeds with replacement, the same ones for both models.

    Args:
        counts_a: `counts_per_patient` of model A for each training seed.
        counts_b: The same of model B, on the same patients and for the same seeds.
        n_resamples: Number of bootstrap resamples.
        confidence: Level of the intervals, e.g. 0.95.
        seed: Seed of the resamples.

    Returns:
        For `accuracy` and `macro_f1`: `<metric>_difference_low`, `<metric>_difference_high` (fractions) and
        `<metric>_bootstrap_p`: twice the smaller share of resamples on one side of zero. The data themselves count as
        one resample, so p is never zero.
    """
    if counts_a[0].shape[0] < FEWEST:
        return all_undefined(BOOTSTRAP_NUMBERS, TOO_FEW)
    a = [resampled_metrics(counts, n_resamples, seed) for counts in counts_a]
    b = [resampled_metrics(counts, n_resamples, seed) for counts in counts_b]
    result: Numbers = {}
    for metric in BOOTSTRAPPED:
        by_seed = [ours[metric] - theirs[metric] for ours, theirs in zip(a, b, strict=True)]
        gain = mean_over_resampled_seeds(by_seed, seed)
        low, high = percentile_interval(gain, confidence)
        result |= {f"{metric}_difference_low": low, f"{metric}_difference_high": high}
        result[f"{metric}_bootstrap_p"] = bootstrap_p(gain)
    return result


def bootstrap_p(differences: np.ndarray) -> float:
    """Return twice the smaller share of resampled differences on one side of zero; the data count as one resample."""
    smaller_side = min(np.sum(differences <= 0), np.sum(differences >= 0))
    return min(1.0, 2 * float(smaller_side + 1) / (differences.size + 1))
