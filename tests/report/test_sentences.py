"""Headline and notices: every state of the grid has a sentence with its numbers, and no sentence exceeds them."""

import re
from copy import deepcopy

import pytest

from lung_cxr.experiments import RUNS, Run
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.labels import SYNTHETIC
from lung_cxr.report.rows import OTHER_SPLIT
from lung_cxr.report.sentences import notices, significance
from lung_cxr.training.data.label_cue import label_cue
from made_up_runs import (
    AUGMENTATION,
    LABEL_CUE,
    evaluated,
    evaluated_runs,
    made_up_exports,
    made_up_grid,
    made_up_split,
)

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


def headline_of(evaluations, synthetic=False):
    return compare_strategies(evaluations, synthetic)["headline"]


def row_of(evaluations, run):
    return next(row for row in evaluations["runs"] if (row["backbone"], row["strategy"]) == run)


@pytest.fixture
def both():
    return deepcopy(evaluated_runs(DYNAMIC, TRADITIONAL))


def test_without_any_run_there_is_nothing_to_compare():
    comparison = compare_strategies(evaluated_runs(), synthetic=True)
    assert re.search(r"no run has finished", comparison["headline"], re.IGNORECASE)
    assert comparison["over_backbones"]["accuracy"]["p"] is None
    assert "none has" in comparison["over_backbones"]["accuracy"]["p_reason"]


def test_one_strategy_alone_is_not_compared():
    text = headline_of(evaluated_runs(DYNAMIC))
    assert "MobileNet, dynamic" in text
    assert "no comparison" in text


def test_one_backbone_gives_both_strategies_and_their_difference_over_patients(both):
    comparison = compare_strategies(both, synthetic=False)
    (pair,) = comparison["per_backbone"]
    assert f"{pair['accuracy_difference']:+.1f} points [".replace("-", "−") in comparison["headline"]
    assert "patient bootstrap, p = " in comparison["headline"]
    assert f"{both['images']['test']} test images of {both['patients']['test']}" in comparison["headline"]
    for row in (row_of(both, DYNAMIC), row_of(both, TRADITIONAL)):
        assert f"{100 * row['metrics']['accuracy']:.1f} % [" in comparison["headline"]
    assert comparison["over_backbones"]["accuracy"]["mean"] == pair["accuracy_difference"]
    assert "only one has" in comparison["over_backbones"]["accuracy"]["t_reason"]


def test_several_backbones_give_the_papers_test():
    comparison = compare_strategies(evaluated_runs(*RUNS[:6]), synthetic=False)
    mean = comparison["over_backbones"]["accuracy"]["mean"]
    assert comparison["headline"].startswith("Over 3 backbones")
    assert f"{mean:+.1f} points of accuracy" in comparison["headline"]
    assert "Best run by validation accuracy: " in comparison["headline"]
    assert comparison["over_backbones"]["accuracy"]["df"] == 2
    adjusted = [(pair["mcnemar_p"], pair["mcnemar_p_holm"]) for pair in comparison["per_backbone"]]
    assert all(raw <= holm <= 3 * raw for raw, holm in adjusted)


def test_synthetic_data_are_stated_before_anything_else():
    assert headline_of(evaluated_runs(DYNAMIC), synthetic=True).startswith(SYNTHETIC)


@pytest.mark.parametrize(
    ("p", "words"), [(0.04, "p = 0.040: significant"), (0.05, ": not significant"), (None, "undefined")]
)
def test_a_claim_is_no_stronger_than_its_p(p, words):
    assert significance(p, "paired t-test").endswith(words)


def test_the_printed_test_and_the_recomputed_test_are_both_kept():
    published = compare_strategies(evaluated_runs(), synthetic=False)["published"]
    assert published["printed"]["sd"] == 1.23
    assert published["accuracy"]["sd"] == pytest.approx(2.535, abs=5e-4)


def noticed(evaluations, synthetic=False, unchecked=0):
    return " | ".join(notices(evaluations, made_up_exports(synthetic), unchecked))


def test_a_complete_grid_of_real_data_needs_no_notice_but_that_of_its_augmentation():
    notice = noticed(evaluated_runs(*RUNS))
    assert notice == label_cue({"augmentation": AUGMENTATION}, {"label_cue": LABEL_CUE})
    assert (
        "an AUROC of 0.89; knowing them raises correct guesses of the class from 14 % to 29 % and gives 21 %" in notice
    )


def test_an_empty_test_set_is_the_headline():
    split = made_up_split(images=300)
    without = split[split["subset"] != "test"]
    evaluations = evaluated(made_up_grid(without, [DYNAMIC, TRADITIONAL]), without)
    comparison = compare_strategies(evaluations, synthetic=False)
    assert comparison["headline"].startswith("The test set is empty")
    (pair,) = comparison["per_backbone"]
    assert pair["accuracy_difference_reason"] == "the test set has no image"


def test_warnings_stand_above_the_numbers(both):
    row_of(both, DYNAMIC).update(status="failed", note="seed 2024: ValueError: no luck")
    row_of(both, TRADITIONAL)["warnings"] = ["mobilenet: the backbone began from random weights"]
    text = noticed(both, synthetic=True, unchecked=12)
    first = text.split(" | ")[0]
    assert "synthetic" in first
    for words in (
        "12 accepted images", f"{len(RUNS) - 2} of {len(RUNS)} runs not yet trained",
        "MobileNet, dynamic failed: seed 2024: ValueError",
        "random weights",
    ):  # fmt: skip
        assert words in text


def test_a_run_that_is_not_better_than_the_majority_class_is_named():
    evaluations = evaluated_runs(DYNAMIC, TRADITIONAL, skill=-3.0)
    text = noticed(evaluations)
    for row in (row_of(evaluations, DYNAMIC), row_of(evaluations, TRADITIONAL)):
        assert f"accuracy {100 * row['metrics']['accuracy']:.1f} % against" in text
    assert re.search(r"Neither strategy .*Pneumonia \(\d+\.\d %\)\.$", headline_of(evaluations))


def test_a_run_of_another_split_is_named(both):
    row_of(both, DYNAMIC)["status"] = OTHER_SPLIT
    assert re.search(r"another split[^|]*: MobileNet, dynamic\.", noticed(both))


def test_a_run_trained_on_another_split_is_noticed_though_its_test_images_are_the_same(both):
    row_of(both, DYNAMIC)["other_split"] = [2024]
    assert re.search(r"MobileNet, dynamic[^|]*another split", noticed(both))


def test_seeds_with_other_settings_are_named(both):
    row_of(both, DYNAMIC)["trained_otherwise"] = [1, 2]
    assert re.search(r"MobileNet, dynamic: seeds 1, 2 [^|]*evaluated: seed 2024", noticed(both))


def test_strategies_with_unequal_settings_are_noticed(both):
    assert noticed(both).count("MobileNet") == 0
    row_of(both, DYNAMIC)["records"][0]["parameters"]["training"]["learning_rate"] = 1e-3
    assert "MobileNet: its runs differ in more than the strategy" in noticed(both)


def test_random_weights_that_differ_between_seeds_are_not_unequal_settings():
    evaluations = deepcopy(evaluated_runs(DYNAMIC, TRADITIONAL, seeds=(1, 2)))
    for run in (DYNAMIC, TRADITIONAL):
        for record in row_of(evaluations, run)["records"]:
            record["initial_weights_sha256"] = str(record["seed"]) * 64
    assert "differ in more" not in noticed(evaluations)


def without_comparison(evaluations, backbone):
    """Return evaluations in which the two strategies of one backbone cannot be compared."""
    changed = deepcopy(evaluations)
    (pair,) = (pair for pair in changed["pairs"] if pair["backbone"] == backbone)
    for name, value in list(pair.items()):
        if name not in ("backbone", "seeds") and not isinstance(value, str):
            pair |= {name: None, f"{name}_reason": "the two runs have no training seed in common"}
    return changed


def test_strategies_without_a_common_seed_are_not_compared_for_that_reason(both):
    comparison = compare_strategies(without_comparison(both, "mobilenet"), synthetic=False)
    assert "MobileNet: the two runs have no training seed in common." in comparison["headline"]
    (pair,) = comparison["per_backbone"]
    assert pair["mcnemar_p_holm"] is None
    assert "no training seed in common" in pair["mcnemar_p_holm_reason"]


def test_only_comparable_backbones_are_counted():
    three = evaluated_runs(*RUNS[:6])
    comparison = compare_strategies(without_comparison(three, RUNS[0].backbone), synthetic=False)
    assert comparison["headline"].startswith("Over 2 backbones")
    assert comparison["over_backbones"]["accuracy"]["n"] == 2


def test_a_difference_over_fewer_seeds_than_the_means_says_so():
    two = deepcopy(evaluated_runs(DYNAMIC, TRADITIONAL, seeds=(1, 2)))
    assert "common training seed" not in headline_of(two)
    two["pairs"][0]["seeds"] = 1
    assert "1 common training seed" in headline_of(two)
