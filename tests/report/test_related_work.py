"""Table 5: other studies, and our best run by validation accuracy."""

import pandas as pd
import pytest

from lung_cxr.experiments import Run
from lung_cxr.report.numbers import percent
from lung_cxr.report.rows import best_by_validation_accuracy, finished_runs
from lung_cxr.report.tables.related_work import related_work_frame, related_work_table
from made_up_runs import evaluated_runs

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def evaluations():
    return evaluated_runs(DYNAMIC, TRADITIONAL)


@pytest.fixture
def chosen_by_validation(evaluations):
    """Let validation speak for the run that is the worse one on test, and return the evaluations and that run."""
    rows = [dict(row) for row in evaluations["runs"]]
    finished = finished_runs({"runs": rows})
    best = max(finished, key=lambda row: row["metrics"]["accuracy"])
    for row in finished:
        row["validation"] = {"accuracy": 0.6 if row is best else 0.7, "macro_f1": 0.5}
    (other,) = [row for row in finished if row is not best]
    return evaluations | {"runs": rows}, other


def test_validation_chooses_and_test_does_not(chosen_by_validation):
    evaluations, chosen = chosen_by_validation
    assert best_by_validation_accuracy(finished_runs(evaluations)) is chosen
    row = related_work_frame(evaluations, synthetic=False).iloc[-1]
    assert (row["study"], row["backbone"], row["strategy"]) == ("This report", "mobilenet", chosen["strategy"])
    assert row["accuracy"] == pytest.approx(100 * chosen["metrics"]["accuracy"], abs=0.005)
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    table = related_work_table(evaluations, synthetic=False)
    assert f"MobileNet, {chosen['strategy']}" in table.caption
    assert "(70.0 %" in table.caption
    assert percent(chosen["metrics"]["accuracy"]) in table.rows[-1][3].text
    assert "[" in table.rows[-1][3].text


def test_macro_f1_decides_a_tie(evaluations):
    rows = [{"validation": {"accuracy": 0.6, "macro_f1": value}} for value in (0.3, 0.5, None)]
    assert best_by_validation_accuracy(rows) is rows[1]
    assert best_by_validation_accuracy([{"validation": {"accuracy": None, "macro_f1": None}}, rows[0]]) is rows[0]


def test_the_others_stand_above_and_are_said_to_be_incomparable(evaluations):
    table = related_work_table(evaluations, synthetic=False)
    assert [row[0].text for row in table.rows][-2:] == ["The paper", "This report"]
    assert table.rows_below_rule == 1
    assert related_work_frame(evaluations, synthetic=False)["accuracy"].notna().sum() == 1, "only ours is judged here"


def test_made_up_images_are_called_so(evaluations):
    assert (
        related_work_frame(evaluations, synthetic=True)["dataset"].iloc[-1].startswith("Synthetic images, 7 classes; ")
    )
    assert related_work_frame(evaluations, synthetic=False)["dataset"].iloc[-1].startswith("Own catalogue")


def test_without_a_run_the_row_says_so():
    nothing = evaluated_runs()
    assert pd.isna(related_work_frame(nothing, synthetic=False)["results"].iloc[-1])
    table = related_work_table(nothing, synthetic=False)
    assert [(cell.text, cell.span) for cell in table.rows[-1][2:]] == [("no run has finished", 3)]
    assert "no run has finished" in table.caption
