"""Error analysis: tables of subgroups and of the external test set."""

import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.subgroups import SUPPRESSED
from lung_cxr.evaluation.undefined import all_undefined, json_ready
from lung_cxr.experiments import Run
from lung_cxr.report.comparison import compare_strategies
from lung_cxr.report.key_figures import key_figures
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.subgroup_tables import external_table, subgroup_table
from made_up_runs import evaluated, evaluated_runs, made_up_grid, made_up_predictions, made_up_split

DYNAMIC, TRADITIONAL = Run("mobilenet", "dynamic"), Run("mobilenet", "traditional")


@pytest.fixture(scope="module")
def split():
    return made_up_split(images=300)


def test_every_subgroup_has_a_row():
    (row,) = finished_runs(evaluated_runs(DYNAMIC))
    rows = [[cell.text for cell in cells] for cells in subgroup_table(row).rows]
    assert ["Sex", "women"] in [cells[:2] for cells in rows]
    assert ["Exam order", "3 of 3"] in [cells[:2] for cells in rows]


def test_in_a_subgroup_that_is_too_small_the_reason_stands_where_the_numbers_would():
    names = ("images", "patients", "accuracy", "macro_f1")
    few = {"variable": "view", "subgroup": "unknown", **all_undefined(names, SUPPRESSED)}
    (cells,) = subgroup_table({"subgroups": [json_ready(few)]}).rows
    assert [(cell.text, cell.span) for cell in cells] == [("View", 1), ("unknown", 1), (SUPPRESSED, 4)]


def test_own_and_external_results_stand_side_by_side(split):
    elsewhere = made_up_split(images=200, seed=8)
    elsewhere["patient_key"] = "f" + elsewhere["patient_key"].str[1:]
    predictions = made_up_predictions(elsewhere, seed=1, skill=0.5).drop(columns="subset")
    runs = [predictions.assign(run=f"mobilenet/{strategy}/seed_2024") for strategy in ("dynamic", "full")]
    table = pd.concat(runs, ignore_index=True)
    external = contracts.external_predictions.validate(table[["run", *predictions.columns]])
    evaluations = evaluated(made_up_grid(split, [DYNAMIC, TRADITIONAL]), split, external=external)
    rows = [[cell.text for cell in cells] for cells in external_table(evaluations).rows]
    assert [cells[0] for cells in rows] == ["MobileNet, dynamic", "MobileNet, full"]
    assert rows[0][1] != rows[0][3]
    assert rows[1][1:3] == ["–", "–"], "not among the own runs"
    figures = key_figures(evaluations, compare_strategies(evaluations, synthetic=False))
    (figure,) = [one for one in figures if one.label == "Other hospital"]
    assert figure.value == rows[0][3]
    assert figure.detail.startswith("MobileNet, dynamic [")


def test_without_an_external_test_set_there_is_no_table():
    assert external_table(evaluated_runs()) is None
