"""The answer in words: every state of the grid has a sentence, and no sentence claims more than its numbers."""

import re

import pytest

from lung_cxr.experiments import RUNS, Run
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.sentences import notices, verdict
from lung_cxr.report.tables.against_majority import against_majority
from made_up_runs import evaluated, failed_run, made_up_exports, made_up_grid, made_up_run, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=400)


def evaluated_runs(split, runs, **kwargs):
    return evaluated(made_up_grid(split, runs, **kwargs), split)


def headline_of(evaluations, synthetic=False):
    return compare_strategies(evaluations, synthetic)["headline"]


def test_without_any_run_there_is_nothing_to_compare(split):
    comparison = compare_strategies(evaluated_runs(split, []), synthetic=True)
    assert comparison["headline"].startswith("No run has finished")
    assert comparison["over_backbones"]["accuracy"]["p"] is None
    assert "none has" in comparison["over_backbones"]["accuracy"]["p_reason"]


def test_one_strategy_alone_is_not_compared(split):
    text = headline_of(evaluated_runs(split, [DYNAMIC]))
    assert text.startswith("Finished so far: MobileNet, dynamic, with ")
    assert "no comparison yet" in text


def test_one_backbone_gives_both_strategies_and_their_difference_over_patients(split):
    evaluations = evaluated_runs(split, [DYNAMIC, TRADITIONAL])
    comparison = compare_strategies(evaluations, synthetic=False)
    (pair,) = comparison["per_backbone"]
    assert f"{pair['accuracy_difference']:+.1f} points [" in comparison["headline"]
    assert "patient bootstrap" in comparison["headline"]
    assert f"{evaluations['images']['test']} test images of {evaluations['patients']['test']}" in comparison["headline"]
    assert comparison["over_backbones"]["accuracy"]["mean"] == pair["accuracy_difference"]
    assert "only one has" in comparison["over_backbones"]["accuracy"]["t_reason"]


def test_several_backbones_give_the_papers_test(split):
    comparison = compare_strategies(evaluated_runs(split, RUNS[:6]), synthetic=False)
    assert comparison["headline"].startswith("Over 3 backbones, dynamic minus traditional fine-tuning is on average +")
    assert comparison["over_backbones"]["accuracy"]["df"] == 2
    adjusted = [(pair["mcnemar_p"], pair["mcnemar_p_holm"]) for pair in comparison["per_backbone"]]
    assert all(raw <= holm <= 3 * raw for raw, holm in adjusted)


def test_synthetic_data_are_called_so_before_anything_else(split):
    assert headline_of(evaluated_runs(split, [DYNAMIC]), synthetic=True).startswith("Synthetic data, no real patient.")


@pytest.mark.parametrize(
    ("p", "words"), [(0.04, "p = 0.040: distinguishable"), (0.05, "not distinguishable"), (None, "undefined")]
)
def test_a_verdict_is_no_stronger_than_its_p(p, words):
    assert words in verdict(p, "paired t-test")


def test_the_paper_and_its_own_tables_are_both_kept(split):
    published = compare_strategies(evaluated_runs(split, []), synthetic=False)["published"]
    assert published["printed"]["sd"] == 1.23
    assert published["accuracy"]["sd"] == pytest.approx(2.535, abs=5e-4)


def noticed(evaluations, synthetic=False, unchecked=0):
    return " | ".join(notices(evaluations, made_up_exports(synthetic), unchecked))


def test_a_complete_grid_of_real_data_needs_no_notice(split):
    assert noticed(evaluated_runs(split, RUNS)) == ""


def test_what_must_be_read_first_is_noticed(split):
    grid = made_up_grid(split, [TRADITIONAL])
    grid[DYNAMIC] = [failed_run(DYNAMIC)]
    grid[TRADITIONAL][0].record["warnings"].append("mobilenet: the backbone began from random weights")
    text = noticed(evaluated(grid, split), synthetic=True, unchecked=12)
    assert text.startswith("All data are synthetic")
    for words in (
        "12 images accepted without a look for burned-in text",
        "12 of 14 runs not yet trained",
        "MobileNet, dynamic failed",
        "random weights",
    ):
        assert words in text


def test_a_run_that_loses_to_the_largest_class_is_named(split):
    text = noticed(evaluated_runs(split, [DYNAMIC], skill=-3.0))
    assert "MobileNet, dynamic is no better than calling every image Pneumonia: accuracy" in text


def test_a_run_of_another_split_is_named(split):
    grid = made_up_grid(split, [])
    grid[DYNAMIC] = [made_up_run(DYNAMIC, made_up_split(images=400, seed=5), seed=1, skill=1.0)]
    assert "another split than the present one: MobileNet, dynamic" in noticed(evaluated(grid, split))


def test_strategies_that_were_not_trained_alike_are_noticed(split):
    grid = made_up_grid(split, [DYNAMIC, TRADITIONAL])
    grid[DYNAMIC][0].record["parameters"]["training"]["learning_rate"] = 1e-3
    assert "differ in more than the strategy" in noticed(evaluated(grid, split))


def test_random_weights_that_differ_between_seeds_are_no_reason_to_complain(split):
    grid = made_up_grid(split, [DYNAMIC, TRADITIONAL], seeds=(1, 2))
    for run in (DYNAMIC, TRADITIONAL):
        for one in grid[run]:
            one.record["initial_weights_sha256"] = str(one.record["seed"]) * 64
    assert "differ in more" not in noticed(evaluated(grid, split))


def test_both_strategies_on_different_seeds_are_not_compared_for_that_reason(split):
    grid = made_up_grid(split, [TRADITIONAL], seeds=(1,))
    grid[DYNAMIC] = made_up_grid(split, [DYNAMIC], seeds=(2,))[DYNAMIC]
    comparison = compare_strategies(evaluated(grid, split), synthetic=False)
    assert "MobileNet: the two runs have no training seed in common." in comparison["headline"]
    assert "No backbone has both" not in comparison["headline"]
    (pair,) = comparison["per_backbone"]
    assert pair["mcnemar_p_holm"] is None
    assert "no training seed in common" in pair["mcnemar_p_holm_reason"]


def test_only_comparable_backbones_are_counted(split):
    grid = made_up_grid(split, RUNS[:6], seeds=(1,))
    grid[RUNS[0]] = made_up_grid(split, [RUNS[0]], seeds=(2,))[RUNS[0]]
    comparison = compare_strategies(evaluated(grid, split), synthetic=False)
    assert comparison["headline"].startswith("Over 2 backbones, ")
    assert comparison["over_backbones"]["accuracy"]["n"] == 2


def test_a_difference_over_fewer_seeds_than_the_means_says_so(split):
    grid = made_up_grid(split, [DYNAMIC, TRADITIONAL], seeds=(1, 2))
    assert "that both have" not in headline_of(evaluated(grid, split))
    del grid[TRADITIONAL][1]
    assert ", over the 1 training seed that both have." in headline_of(evaluated(grid, split))


def judged(backbone, strategy, accuracy, low):
    return {"backbone": backbone, "strategy": strategy, "metrics": {"accuracy": accuracy, "accuracy_low": low}}


@pytest.mark.parametrize(
    ("dynamic", "traditional", "words"),
    [
        ((0.70, 0.60), (0.71, 0.62), ""),
        (
            (0.70, 0.60),
            (0.60, 0.50),
            "Only dynamic fine-tuning is clearly better than always saying Pneumonia (56.7 %).",
        ),
        ((0.50, None), (0.70, None), "Only traditional fine-tuning is clearly"),
        ((0.60, 0.50), (0.50, 0.40), "Neither strategy is clearly better than always saying Pneumonia (56.7 %)."),
    ],
)
def test_the_headline_says_which_strategy_beats_the_largest_class(dynamic, traditional, words):
    rows = [judged("vgg16", "dynamic", *dynamic), judged("vgg16", "traditional", *traditional)]
    said = against_majority(rows, {"majority_class": "Pneumonia", "majority": {"accuracy": 0.567}})
    assert said.startswith(words) if words else said == ""


def test_one_run_and_many_runs_against_the_largest_class():
    majority = {"majority_class": "Pneumonia", "majority": {"accuracy": 0.567}}
    one = judged("vgg16", "dynamic", 0.5, 0.4)
    assert against_majority([one], majority).startswith("VGG16, dynamic, is not clearly better")
    many = [one, judged("resnet50", "dynamic", 0.7, 0.6), judged("xception", "dynamic", 0.7, 0.6)]
    assert against_majority(many, majority).startswith("2 of 3 runs are clearly better than always saying")
    assert against_majority([one, one | {"backbone": "xception"}], majority).startswith("None of 2 runs is clearly")


def test_a_headline_of_runs_no_better_than_the_largest_class_ends_with_it(split):
    text = headline_of(evaluated_runs(split, [DYNAMIC, TRADITIONAL], skill=-3.0))
    assert re.search(r"Neither strategy is clearly better than always saying Pneumonia \(\d+\.\d %\)\.$", text)


def test_a_run_trained_on_another_split_is_noticed_though_its_test_images_are_the_same(split):
    grown = split.assign(subset=split["subset"].replace("validation", "train"))
    text = noticed(evaluated(made_up_grid(split, [DYNAMIC]), grown))
    assert "MobileNet, dynamic was trained on another split than the present one; the test images are the same" in text
