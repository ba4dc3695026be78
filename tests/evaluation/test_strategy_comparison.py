"""The tests between strategies, against scipy and statsmodels and on the paper's own tables."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from lung_cxr.evaluation.holm import holm
from lung_cxr.evaluation.paired_tests import (
    BOOTSTRAP_NUMBERS,
    TEST_NUMBERS,
    corrected_resampled_t_test,
    mcnemar_exact,
    paired_test,
)
from lung_cxr.evaluation.predictions import COMPARISON_NUMBERS, compare_predictions

SETTINGS = {"n_resamples": 1000, "confidence": 0.95, "seed": 0}


def test_paired_test_agrees_with_scipy():
    a, b = np.random.default_rng(0).normal(80, 3, size=(2, 7))
    ours, theirs = paired_test(a - b), stats.ttest_rel(a, b)
    interval = theirs.confidence_interval(0.95)
    assert (ours["t"], ours["p"], ours["df"]) == pytest.approx((theirs.statistic, theirs.pvalue, theirs.df))
    assert (ours["ci_low"], ours["ci_high"]) == pytest.approx((interval.low, interval.high))
    assert ours["wilcoxon_p"] == pytest.approx(stats.wilcoxon(a, b).pvalue)
    assert ours["dz"] == pytest.approx(ours["t"] / math.sqrt(7))


@pytest.mark.parametrize(("differences", "words"), [([], "none has"), ([2.0], "only one has")])
def test_fewer_than_two_backbones_have_no_test_and_say_why(differences, words):
    ours = paired_test(differences)
    for name in ("t", "p", "sd", "ci_low", "wilcoxon_p", "dz"):
        assert math.isnan(ours[name])
        assert words in ours[f"{name}_reason"]
    assert ours["n"] == len(differences)


def test_one_backbone_still_has_a_difference():
    ours = paired_test([2.0])
    assert ours["mean"] == 2.0
    assert "mean_reason" not in ours


def test_equal_differences_have_no_t_but_a_mean_and_a_spread_of_zero():
    ours = paired_test([1.5, 1.5, 1.5])
    assert (ours["mean"], ours["sd"], ours["df"]) == (1.5, 0, 2)
    assert "spread is zero" in ours["p_reason"]
    assert set(TEST_NUMBERS) <= set(ours)


def test_the_same_gain_from_different_bases_is_no_evidence_made_of_rounding():
    """3 of 120 images on each of three backbones: the differences disagree in their last digits only."""
    gains = [100 * ((right + 3) / 120 - right / 120) for right in (61, 70, 83)]
    assert len(set(gains)) > 1
    ours = paired_test(gains)
    assert ours["mean"] == pytest.approx(2.5)
    assert math.isnan(ours["p"])
    assert "spread is zero" in ours["p_reason"]


def test_one_image_of_difference_is_a_difference():
    assert 0 < paired_test([100 * 3 / 120, 100 * 3 / 120, 100 * 4 / 120])["p"] < 0.05


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (5, 0), (12, 4), (7, 7)])
def test_mcnemar_agrees_with_statsmodels(only_a, only_b):
    a = np.array([True] * only_a + [False] * only_b + [True] * 10)
    b = np.array([False] * only_a + [True] * only_b + [True] * 10)
    ours = mcnemar_exact(a, b)
    assert (ours["only_a"], ours["only_b"]) == (only_a, only_b)
    assert ours["mcnemar_p"] == pytest.approx(mcnemar([[10, only_a], [only_b, 0]], exact=True).pvalue)


def test_holm_agrees_with_statsmodels_and_passes_over_tests_that_do_not_exist():
    p = [0.04, 0.01, 0.03, 0.005, 0.9]
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    with_gap = holm([0.04, math.nan, 0.01])
    assert with_gap[::2] == pytest.approx([0.04, 0.02])
    assert math.isnan(with_gap[1])


def test_a_model_against_itself_differs_by_nothing(predictions):
    ours = compare_predictions({0: predictions}, {0: predictions}, **SETTINGS)
    assert ours["accuracy_difference"] == ours["accuracy_difference_low"] == ours["accuracy_difference_high"] == 0
    assert ours["accuracy_bootstrap_p"] == ours["mcnemar_p"] == 1


def test_a_clearly_better_model_is_found_and_row_order_does_not_matter(make_predictions):
    good = make_predictions(images=300, patients=200, seed=1, skill=3.0)
    poor = make_predictions(images=300, patients=200, seed=1, skill=0.5)
    ours = compare_predictions({0: good}, {0: poor.sample(frac=1, random_state=0)}, **SETTINGS)
    assert ours["accuracy_difference"] > 0.2
    assert 0 < ours["accuracy_difference_low"] < ours["accuracy_difference"] < ours["accuracy_difference_high"]
    assert ours["accuracy_bootstrap_p"] < 0.01
    assert ours["mcnemar_p"] < 0.01


def test_pairing_narrows_the_interval(predictions):
    """Two models that agree on most images differ less certainly than two independent test sets would."""
    nearly = predictions.copy()
    nearly.loc[:9, nearly.columns[4:]] = np.eye(7)[0]
    ours = compare_predictions({0: predictions}, {0: nearly}, **SETTINGS)
    assert ours["accuracy_difference_high"] - ours["accuracy_difference_low"] < 0.06


def test_runs_without_a_common_seed_or_common_images_are_not_compared(predictions):
    other_seed = compare_predictions({0: predictions}, {1: predictions}, **SETTINGS)
    other_images = compare_predictions({0: predictions}, {0: predictions.iloc[:50]}, **SETTINGS)
    for ours, words in ((other_seed, "no training seed"), (other_images, "different images")):
        assert all(math.isnan(ours[name]) for name in COMPARISON_NUMBERS)
        assert words in ours["mcnemar_p_reason"]
    assert set(BOOTSTRAP_NUMBERS) < set(COMPARISON_NUMBERS)


def test_the_corrected_resampled_t_test_by_hand():
    """Five folds: s² = 2.5, (1/5 + 1/4) · 2.5 = 1.125, t = 3 / √1.125 = 2√2; p of t(4) in closed form."""
    numbers = corrected_resampled_t_test([1, 2, 3, 4, 5], test_to_train=1 / 4)
    t = 2 * math.sqrt(2)
    p = 1 - 0.75 * t / math.sqrt(1 + t**2 / 4) * (1 - t**2 / 12 / (1 + t**2 / 4))
    assert (numbers["t"], numbers["df"], numbers["p"]) == (pytest.approx(t), 4, pytest.approx(p))
    assert numbers["p"] == pytest.approx(0.04742, abs=5e-6)
    assert numbers["ci_low"] == pytest.approx(3 - 2.776445 * math.sqrt(1.125), abs=1e-5)
    plain = paired_test([1, 2, 3, 4, 5])
    assert plain["p"] < numbers["p"], "overlapping training sets make the plain test too optimistic"


def test_the_corrected_test_of_equal_or_single_folds_is_undefined():
    for differences in ([], [1.0], [2.0, 2.0, 2.0]):
        numbers = corrected_resampled_t_test(differences, test_to_train=1 / 4)
        assert np.isnan(numbers["p"])
        assert numbers["p_reason"]
