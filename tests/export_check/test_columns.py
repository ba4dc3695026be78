"""Columns without a value: shapes, and counts by the functions of ingestion."""

import pandas as pd
import pytest

from lung_cxr.export_check.columns import describe_tables, shape
from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS
from lung_cxr.imaging.emr.export_tables import TableFacts


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-31", "9999-99-99"),
        (" BN00123 ", "AA99999"),
        ("Nguyễn Văn An", "Aaaaaa Aaa Aa"),
        ("U07.1; J18", "A99.9; A99"),
        ("٣١/٠٣", "99/99"),
        ("x" * 40, "a" * 32 + "…"),
        ("a\x00b", "a?a"),
    ],
)
def test_a_shape_keeps_no_digit_and_no_letter(value, expected):
    assert shape(value) == expected


def test_columns_are_counted_as_ingestion_understands_them(emr):
    rows = pd.DataFrame("", index=range(4), columns=list(LOGICAL_COLUMNS), dtype="str")
    rows["patient_id"] = ["00123", "00124", "1.2E+10", "NULL"]
    rows["icd10_primary"] = ["J18.9", "U07.1", "UO7.1", ""]
    rows["exam_date"] = ["2026-03-31", "2026-04-01", "soon", ""]
    rows["sex"] = ["F", "nữ", "weiblich", ""]
    rows["clinical_note"] = "Ho và sốt"
    reasons = ["", "ambiguous", "not_understood", "not_given"]
    rows = rows.assign(table=0, exam_day_reason=reasons)
    names = {name: name for name in ("patient_id", "icd10_primary", "exam_date", "sex", "clinical_note")}
    (table,) = describe_tables(rows, [TableFacts(1, 0, "emr.csv", 4, 0, 0, 9, names, ["view"])], emr)
    found = {column["column"]: (column["filled"], column["understood"]) for column in table["columns"]}
    assert found == {
        "patient_id": (3, 2),
        "icd10_primary": (3, 2),
        "exam_date": (3, 1),
        "sex": (3, 2),
        "clinical_note": (4, None),
    }
    shapes = {column["column"]: column["shapes"] for column in table["columns"]}
    assert shapes["patient_id"] == ["99999", "9.9A+99"]
    assert shapes["clinical_note"] == []
