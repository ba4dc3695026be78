"""Table 5: other studies, and of ours the run that validation chose."""

import pandas as pd
import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.numbers import percent
from lung_cxr.report.sentences import best_run, finished_runs
from lung_cxr.report.tables.related_work import best_on_validation, methods_table, tabulate_methods
from made_up_runs import evaluated, made_up_grid, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def evaluations():
    split = made_up_split(images=400)
    return evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split)


@pytest.fixture
def judged(evaluations):
    """Let validation speak for the run that is the worse one on test, and return the evaluations and that run."""
    rows = [dict(row) for row in evaluations["runs"]]
    finished = finished_runs({"runs": rows})
    best = best_run(finished)
    for row in finished:
        row["validation"] = {"accuracy": 0.6 if row is best else 0.7, "macro_f1": 0.5}
    (other,) = [row for row in finished if row is not best]
    return evaluations | {"runs": rows}, other


def test_validation_chooses_and_test_does_not(judged):
    evaluations, chosen = judged
    assert best_on_validation(finished_runs(evaluations)) is chosen
    row = tabulate_methods(evaluations, synthetic=False).iloc[-1]
    assert (row["study"], row["backbone"], row["strategy"]) == ("This report", "mobilenet", chosen["strategy"])
    assert row["accuracy"] == pytest.approx(100 * chosen["metrics"]["accuracy"], abs=0.005)
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    table = methods_table(evaluations, synthetic=False)
    assert f"MobileNet, {chosen['strategy']}, the run with the highest validation accuracy (70.0 %" in table.caption
    assert percent(chosen["metrics"]["accuracy"]) in table.rows[-1][3].text
    assert "[" in table.rows[-1][3].text


def test_macro_f1_decides_a_tie(evaluations):
    rows = [{"validation": {"accuracy": 0.6, "macro_f1": value}} for value in (0.3, 0.5, None)]
    assert best_on_validation(rows) is rows[1]
    assert best_on_validation([{"validation": {"accuracy": None, "macro_f1": None}}, rows[0]]) is rows[0]


def test_the_others_stand_above_and_are_said_to_be_incomparable(evaluations):
    table = methods_table(evaluations, synthetic=False)
    assert [row[0].text for row in table.rows][-2:] == ["The paper", "This report"]
    assert table.rows_below_rule == 1
    for words in ("We have not checked them", "compared with ours directly"):
        assert words in table.caption
    assert tabulate_methods(evaluations, synthetic=False)["accuracy"].notna().sum() == 1, "only ours is judged here"


def test_made_up_images_are_called_so(evaluations):
    assert tabulate_methods(evaluations, synthetic=True)["dataset"].iloc[-1].startswith("Synthetic images, 7 classes; ")
    assert tabulate_methods(evaluations, synthetic=False)["dataset"].iloc[-1].startswith("Own catalogue")


def test_without_a_run_the_row_says_so():
    split = made_up_split(images=300)
    nothing = evaluated(made_up_grid(split, []), split)
    assert pd.isna(tabulate_methods(nothing, synthetic=False)["results"].iloc[-1])
    table = methods_table(nothing, synthetic=False)
    assert [(cell.text, cell.span) for cell in table.rows[-1][2:]] == [("no run has finished", 3)]
    assert "no run has finished" in table.caption
