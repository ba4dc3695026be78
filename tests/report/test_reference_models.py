"""Reference models: rows of the tables, and sentences about runs that are not better."""

from types import SimpleNamespace

import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.numbers import percent
from lung_cxr.report.rows import OTHER_SPLIT, finished_runs, row_title
from lung_cxr.report.tables.adjustment_table import adjustment_table
from lung_cxr.report.tables.claim import claim_items
from lung_cxr.report.tables.ensembles_table import ensembles_table
from lung_cxr.report.tables.reference_models import (
    against_frozen_features,
    against_majority,
    not_better_than_references,
    reference_models,
)
from lung_cxr.report.tables.results import comparison_table
from made_up_runs import evaluated, made_up_grid, made_up_predictions, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


def with_regression(split, skill, tested_on=None):
    predictions = made_up_predictions(split if tested_on is None else tested_on, seed=1, skill=skill)
    references = {Run("mobilenet", "logistic_regression"): predictions}
    return evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split, references=references)


@pytest.fixture(scope="module")
def beaten(split):
    """Both strategies of one backbone are worse than its logistic regression."""
    return with_regression(split, skill=6.0)


def test_reference_models_stand_below_the_runs_the_majority_class_last(beaten):
    assert [one.title for one in reference_models(beaten)] == ["MobileNet logistic regression", "Majority class"]
    table = comparison_table(beaten, compare_strategies(beaten, synthetic=False))
    below = [[cell.text for cell in row] for row in table.bodies[1]]
    assert below[0][1:3] == below[0][3:5] != below[1][1:3]


def test_a_run_that_is_not_better_is_named_with_both_numbers(beaten):
    rows = finished_runs(beaten)
    sentences = not_better_than_references(rows, beaten)
    regression = percent(beaten["frozen_features"]["mobilenet"]["accuracy"])
    assert len(sentences) == 2
    for row, sentence in zip(rows, sentences, strict=True):
        assert row_title(row) in sentence
        assert f"accuracy {percent(row['metrics']['accuracy'])} against {regression}" in sentence
        assert "macro-F1" in sentence
    headline = compare_strategies(beaten, synthetic=False)["headline"]
    assert headline.endswith(against_frozen_features(rows, beaten))


def test_one_sentence_names_many_runs(split):
    runs = [Run(backbone, strategy) for backbone in ("xception", "vgg16") for strategy in ("dynamic", "traditional")]
    predictions = made_up_predictions(split, seed=1, skill=6.0)
    references = {Run(backbone, "logistic_regression"): predictions for backbone in ("xception", "vgg16")}
    evaluations = evaluated(made_up_grid(split, runs), split, references=references)
    (sentence,) = not_better_than_references(finished_runs(evaluations), evaluations)
    assert sentence.startswith("4 of 4 runs ")
    assert sentence.endswith(": Xception, dynamic; Xception, traditional; VGG16, dynamic; VGG16, traditional.")


def test_every_reference_model_that_is_not_beaten_is_named(split):
    strong, weak = made_up_predictions(split, seed=1, skill=6.0), made_up_predictions(split, seed=1, skill=-1.0)
    references = {
        Run("mobilenet", "logistic_regression"): weak,
        Run("mobilenet", "logistic_regression_depths"): strong,
    }
    evaluations = evaluated(made_up_grid(split, [DYNAMIC]), split, references=references)
    titles = [one.title for one in reference_models(evaluations)]
    assert titles == ["MobileNet logistic regression", "MobileNet logistic regression depths", "Majority class"]
    (sentence,) = not_better_than_references(finished_runs(evaluations), evaluations)
    assert "than the logistic regression depths on MobileNet's frozen features: accuracy" in sentence


def test_logit_adjustment_has_a_row_for_every_run_and_reference_model(beaten):
    table = adjustment_table(beaten)
    names = [row[0].text for row in table.bodies[0]]
    assert names == ["MobileNet, dynamic", "MobileNet, traditional", "MobileNet, logistic regression"]
    run = finished_runs(beaten)[0]
    assert [cell.text for cell in table.bodies[0][0][2:4]] == [
        percent(run["metrics"]["accuracy"]),
        percent(run["adjustment"]["accuracy_adjusted"]),
    ]


def test_an_ensemble_has_a_row_with_costs_and_answers_claim(split):
    predictions = made_up_predictions(split, seed=1, skill=6.0)
    record = {
        "parameters": {"strategy": {"combine": "mean", "flips": True}},
        "members": ["mobilenet/dynamic/seed_1", "vgg16/dynamic/seed_1"],
        "single_image_p50_ms": 21.04,
        "size_mb": 72.0,
    }
    ensembles = {"both": SimpleNamespace(record=record, predictions=predictions)}
    evaluations = evaluated(made_up_grid(split, [DYNAMIC]), split, ensembles=ensembles)
    (row,) = [[(cell.text, cell.small) for cell in row] for row in ensembles_table(evaluations).bodies[0]]
    assert row[0] == ("both", "mean of probabilities, with mirror images")
    assert row[1][0] == "mobilenet/dynamic/seed_1, vgg16/dynamic/seed_1"
    assert row[2][0] == percent(evaluations["ensembles"][0]["metrics"]["accuracy"])
    assert [cell[0] for cell in row[-2:]] == ["21.0", "72.0"]
    words = {one.number: one.words for one in claim_items(evaluations)}
    assert words[27].startswith("1 ensemble in a table of their own (both: mean of probabilities of 2)")
    without = evaluated(made_up_grid(split, [DYNAMIC]), split)
    assert ensembles_table(without) is None
    assert {one.number: one.words for one in claim_items(without)}[27].startswith("None: every row is one network")


def test_a_better_run_needs_no_sentence(split):
    evaluations = with_regression(split, skill=-1.0)
    assert against_frozen_features(finished_runs(evaluations), evaluations) == ""
    assert not_better_than_references(finished_runs(evaluations), evaluations) == []


def test_a_regression_for_another_test_set_is_a_row_with_that_reason(split):
    evaluations = with_regression(split, skill=1.0, tested_on=made_up_split(images=300, seed=9))
    row = comparison_table(evaluations, compare_strategies(evaluations, synthetic=False)).bodies[1][0]
    assert row[1].text == OTHER_SPLIT
    assert sum(cell.span for cell in row) == 7


def row(backbone, strategy, accuracy, low=None):
    return {"backbone": backbone, "strategy": strategy, "metrics": {"accuracy": accuracy, "accuracy_low": low}}


@pytest.mark.parametrize(
    ("rows", "subject"),
    [
        ([row("vgg16", "dynamic", 0.8), row("vgg16", "traditional", 0.6)], "Only dynamic fine-tuning has"),
        ([row("vgg16", "dynamic", 0.6)], "No strategy has"),
        ([row("vgg16", "dynamic", 0.6), row("vgg16", "traditional", 0.6)], "Neither strategy has"),
        ([row("vgg16", "dynamic", 0.6), row("resnet50", "dynamic", 0.8)], "1 of 2 runs has"),
        ([row("vgg16", "dynamic", 0.6), row("resnet50", "dynamic", 0.5)], "None of 2 runs has"),
        ([row("xception", "dynamic", 0.1)], ""),
    ],
)
def test_the_headline_counts_the_runs_that_beat_the_regression(rows, subject):
    references = {"frozen_features": {"vgg16": {"accuracy": 0.7}, "resnet50": {"accuracy": 0.7}}}
    sentence = against_frozen_features(rows, references)
    assert sentence.startswith(subject) if subject else sentence == ""


MAJORITY = {"majority_class": "Pneumonia", "majority": {"accuracy": 0.567}}


@pytest.mark.parametrize(
    ("rows", "subject"),
    [
        ([row("vgg16", "dynamic", 0.70, 0.60), row("vgg16", "traditional", 0.71, 0.62)], ""),
        ([row("vgg16", "dynamic", 0.70, 0.60), row("vgg16", "traditional", 0.60, 0.50)], "Only dynamic fine-tuning is"),
        ([row("vgg16", "dynamic", 0.50), row("vgg16", "traditional", 0.70)], "Only traditional fine-tuning is"),
        ([row("vgg16", "dynamic", 0.60, 0.50), row("vgg16", "traditional", 0.50, 0.40)], "Neither strategy is"),
        ([row("vgg16", "dynamic", 0.5, 0.4)], "VGG16, dynamic is not"),
        (
            [row(name, "dynamic", 0.7, low) for name, low in (("vgg16", 0.4), ("resnet50", 0.6), ("x", 0.6))],
            "2 of 3 runs are",
        ),
        ([row(name, "dynamic", 0.5, 0.4) for name in ("vgg16", "xception")], "None of 2 runs is"),
    ],
)
def test_a_run_is_clearly_better_if_its_interval_excludes_the_majority_class(rows, subject):
    sentence = against_majority(rows, MAJORITY)
    assert sentence.startswith(subject) if subject else sentence == ""
    assert ("Pneumonia (56.7 %)" in sentence) == bool(subject)
