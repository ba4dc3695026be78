import pandas as pd
import pytest

from lung_cxr.datasets import SafeCSVDataset


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('=HYPERLINK("http://x","y").dcm', '\'=HYPERLINK("http://x","y").dcm'),
        ("+84 903 123 456", "'+84 903 123 456"),
        ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'\t=1+1"),
        ("＝1+1", "'＝1+1"),
        ("-0.25", "-0.25"),
        ("+3", "+3"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_text_like_a_formula_gets_an_apostrophe_and_numbers_stay(tmp_path, written, expected):
    dataset = SafeCSVDataset(filepath=str(tmp_path / "table.csv"))
    dataset.save(pd.DataFrame({"path": [written, "x"], "value": [-1.5, 2.0]}))
    loaded = pd.read_csv(tmp_path / "table.csv", dtype={"path": "str"}, keep_default_na=False)
    assert loaded["path"].tolist() == [expected, "x"]
    assert loaded["value"].tolist() == [-1.5, 2.0]


def test_names_of_columns_are_escaped_too(tmp_path):
    SafeCSVDataset(filepath=str(tmp_path / "table.csv")).save(pd.DataFrame({"=A1": ["x"]}))
    assert (tmp_path / "table.csv").read_text().splitlines()[0] == "'=A1"


def test_every_csv_of_the_catalogue_is_escaped(project):
    for path in (project / "conf").glob("*/catalog_*.yml"):
        assert "pandas.CSVDataset" not in path.read_text(encoding="utf-8"), path.name
