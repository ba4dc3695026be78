import numpy as np
import pandas as pd
import pytest

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.splitting.distribution import published_distribution, tabulate_distribution

FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_the_papers_table_adds_up():
    published = published_distribution()
    assert published["disease"].tolist() == list(DISEASES)
    assert (published[list(SUBSETS)].sum(axis=1) == published["total"]).all()
    assert published[["total", *SUBSETS]].sum().tolist() == [15416, 12334, 1540, 1542]


@pytest.fixture
def table():
    cells = {
        ("Pneumonia", "train"): 7,
        ("Pneumonia", "validation"): 1,
        ("Pneumonia", "test"): 2,
        ("Atelectasis", "test"): 3,
    }
    rows = [cell for cell, count in cells.items() for _ in range(count)]
    return tabulate_distribution(pd.DataFrame(rows, columns=["label", "subset"]), FRACTIONS)


def test_rows_are_the_classes_in_order_and_the_total(table):
    assert table["disease"].tolist() == [*DISEASES, "Total"]
    assert table["id"].tolist()[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert table["id"].isna().tolist() == [False] * 7 + [True]


def test_counts_and_deviations(table):
    by = table.set_index("disease")
    assert by.loc["Pneumonia", ["total", *SUBSETS]].tolist() == [10, 7, 1, 2]
    assert by.loc["Total", ["total", *SUBSETS]].tolist() == [13, 7, 1, 5]
    deviations = [f"deviation_{name}" for name in SUBSETS]
    assert by.loc["Pneumonia", deviations].tolist() == pytest.approx([-10, 0, 10])
    assert by.loc["Atelectasis", deviations].tolist() == pytest.approx([-80, -10, 90])


def test_a_class_without_images_has_no_deviation(table):
    by = table.set_index("disease")
    assert by.loc["Tuberculosis", "total"] == 0
    assert np.isnan(by.loc["Tuberculosis", "deviation_train"])


def test_the_papers_numbers_stand_beside(table):
    by = table.set_index("disease")
    paper = [f"paper_{name}" for name in ("total", *SUBSETS)]
    assert by.loc["COVID-19", paper].tolist() == [2456, 1965, 245, 246]
    assert by.loc["Total", paper].tolist() == [15416, 12334, 1540, 1542]
    assert table.columns.tolist() == [
        "id", "disease", "total", *SUBSETS, *(f"deviation_{name}" for name in SUBSETS), *paper
    ]  # fmt: skip
