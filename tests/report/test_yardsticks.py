"""What no run may lose to: rows of the tables, and sentences that say who lost."""

import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.tables.reference_models import against_frozen_features, lost_to_yardsticks, yardsticks
from lung_cxr.report.tables.results import comparison_table
from made_up_runs import evaluated, made_up_grid, made_up_predictions, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


def judged_beside(split, skill, tested_on=None):
    frozen = {"mobilenet": made_up_predictions(split if tested_on is None else tested_on, seed=1, skill=skill)}
    return evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split, frozen_features=frozen)


def test_a_regression_stands_below_the_runs_and_above_the_largest_class(split):
    evaluations = judged_beside(split, skill=1.0)
    assert [one.title for one in yardsticks(evaluations)] == ["MobileNet, frozen", "Majority class"]
    table = comparison_table(evaluations, compare_strategies(evaluations, synthetic=False))
    below = [[cell.text for cell in row] for row in table.bodies[1]]
    assert below[0][1:3] == below[0][3:5] != below[1][1:3]


def test_who_loses_to_it_is_named_with_both_numbers(split):
    evaluations = judged_beside(split, skill=6.0)
    finished = [row for row in evaluations["runs"] if row["status"] == "finished"]
    said, other = lost_to_yardsticks(finished, evaluations)
    assert other.startswith("MobileNet, traditional is no better")
    assert said.startswith(
        "MobileNet, dynamic is no better than a logistic regression on MobileNet's frozen features: "
    )
    assert "accuracy" in said
    assert "macro-F1" in said
    headline = compare_strategies(evaluations, synthetic=False)["headline"]
    assert (
        "Neither strategy reached more accuracy than a logistic regression on MobileNet's frozen features" in headline
    )


def test_of_many_that_lose_one_sentence_has_them_all(split):
    runs = [Run(backbone, strategy) for backbone in ("xception", "vgg16") for strategy in ("dynamic", "traditional")]
    frozen = {backbone: made_up_predictions(split, seed=1, skill=6.0) for backbone in ("xception", "vgg16")}
    evaluations = evaluated(made_up_grid(split, runs), split, frozen_features=frozen)
    (said,) = lost_to_yardsticks([row for row in evaluations["runs"] if "metrics" in row], evaluations)
    assert said.startswith(
        "4 of 4 runs are no better, by accuracy or macro-F1, than a logistic regression on their own backbone's frozen"
    )
    assert said.endswith(": Xception, dynamic; Xception, traditional; VGG16, dynamic; VGG16, traditional.")


def test_who_beats_it_needs_no_sentence(split):
    evaluations = judged_beside(split, skill=-1.0)
    finished = [row for row in evaluations["runs"] if row["status"] == "finished"]
    assert against_frozen_features(finished, evaluations) == ""
    assert lost_to_yardsticks(finished, evaluations) == []


def test_a_regression_for_another_test_set_is_a_row_with_that_reason(split):
    evaluations = judged_beside(split, skill=1.0, tested_on=made_up_split(images=300, seed=9))
    row = comparison_table(evaluations, compare_strategies(evaluations, synthetic=False)).bodies[1][0]
    assert row[1].text == "tested on another split"
    assert sum(cell.span for cell in row) == 7


def row(backbone, strategy, accuracy):
    return {"backbone": backbone, "strategy": strategy, "metrics": {"accuracy": accuracy}}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("vgg16", "dynamic", 0.8), row("vgg16", "traditional", 0.6)], "Only dynamic fine-tuning reached more"),
        ([row("vgg16", "dynamic", 0.6)], "Dynamic fine-tuning has not reached more accuracy than a logistic"),
        ([row("vgg16", "dynamic", 0.6), row("resnet50", "dynamic", 0.8)], "1 of 2 runs reached more accuracy than a"),
        ([row("vgg16", "dynamic", 0.6), row("resnet50", "dynamic", 0.5)], "None of 2 runs reached more accuracy"),
        ([row("xception", "dynamic", 0.1)], ""),
    ],
)
def test_the_headline_says_which_runs_beat_it(rows, words):
    beside = {"frozen_features": {"vgg16": {"accuracy": 0.7}, "resnet50": {"accuracy": 0.7}}}
    said = against_frozen_features(rows, beside)
    assert said.startswith(words) if words else said == ""
