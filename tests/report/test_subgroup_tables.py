"""Error analysis: tables of subgroups."""

from lung_cxr.evaluation.subgroups import SUPPRESSED
from lung_cxr.evaluation.undefined import all_undefined, json_ready
from lung_cxr.experiments import Run
from lung_cxr.report.rows import finished_runs
from lung_cxr.report.tables.subgroup_tables import subgroup_table
from made_up_runs import evaluated_runs

DYNAMIC = Run("mobilenet", "dynamic")


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
