"""Tables of a cross-validation in the report."""

import pandas as pd
import pytest

from lung_cxr.evaluation.out_of_fold import POOLED, RESULT_COLUMNS, TEST_COLUMNS
from lung_cxr.report.tables.cross_validation_tables import fold_test_table, pooled_table

FINISHED = {
    **{"backbone": "mobilenet", "strategy": "dynamic", "images": 1196, "patients": 911, "seeds": 2, "folds": 5},
    **{
        f"{metric}{end}": value
        for metric in POOLED
        for end, value in zip(("", "_low", "_high", "_fold_sd"), (0.7, 0.66, 0.74, 0.02), strict=True)
    },
    "status": "finished",
}
INCOMPLETE = {"backbone": "vgg16", "strategy": "lp_ft", "status": "incomplete", "note": "2 of 5 folds are finished"}


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_pooled_results_have_spread_and_interval():
    table = pooled_table(pd.DataFrame([FINISHED, INCOMPLETE], columns=list(RESULT_COLUMNS)))
    finished, incomplete = texts(table)
    assert finished == ["MobileNet", "dynamic", "70.0 ± 2.0", "70.0 ± 2.0", "0.700 ± 0.020", "1,196", "2"]
    assert table.rows[0][2].small == "[66.0, 74.0]"
    assert incomplete[:3] == ["VGG16", "lp ft", "2 of 5 folds are finished"]


@pytest.mark.parametrize(
    ("metric", "difference", "interval"),
    [("accuracy", "−3.1", "[−5.0, −1.2]"), ("log_loss", "−0.031", "[−0.050, −0.012]")],
)
def test_differences_are_in_points_or_nats(metric, difference, interval):
    row = {
        "backbone": "mobilenet",
        "other_strategy": "lp_ft",
        "metric": metric,
        "mean": -0.031,
        "p": 0.0123,
        "p_holm": 0.0246,
    }
    table = fold_test_table(pd.DataFrame([row | {"ci_low": -0.05, "ci_high": -0.012}], columns=list(TEST_COLUMNS)))
    (cells,) = table.rows
    assert (cells[3].text, cells[3].small, cells[4].text, cells[5].text) == (difference, interval, "0.0123", "0.0246")


def test_without_cross_validation_there_is_no_table():
    assert pooled_table(pd.DataFrame(columns=list(RESULT_COLUMNS))) is None
    assert fold_test_table(pd.DataFrame(columns=list(TEST_COLUMNS))) is None
