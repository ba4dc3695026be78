"""Rows of several queries: types, time zones, and the ones that are new."""

import datetime as dt
import decimal

import pandas as pd
import pytest
from pydantic import ValidationError

from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.extraction.query_rows import new_rows
from lung_cxr.parameters import ExtractionParameters

UTC = dt.UTC
HANOI = dt.timezone(dt.timedelta(hours=7))


def settings(newer_than=None, time_zone=None):
    return ExtractionParameters(image_root="/", path_prefixes=[], newer_than=newer_than, time_zone=time_zone)


def test_values_become_the_texts_that_ingestion_reads():
    frame = pd.DataFrame(
        {
            "patient_id": ["00123", "NULL"],
            "number": pd.Series([2**60 + 1, None], dtype="int64[pyarrow]"),
            "digits": [decimal.Decimal(12345678901234567890), None],
            "day": [dt.date(2026, 3, 1), None],
            "codes": [["J18.9", "J93"], None],
        }
    )
    rows = new_rows({"one": frame}, settings(), {}).rows
    assert rows.to_dict("list") == {
        "patient_id": ["00123", "NULL"],
        "number": ["1152921504606846977", ""],
        "digits": ["12345678901234567890", ""],
        "day": ["2026-03-01", ""],
        "codes": ["J18.9;J93", ""],
    }


def test_a_time_with_a_zone_has_the_date_of_the_hospital():
    times = [dt.datetime(2026, 2, 28, 17, 30, tzinfo=UTC), dt.datetime(2026, 3, 1, 0, 30, tzinfo=HANOI), None]
    frame = pd.DataFrame({"exam": times, "local": [dt.datetime(2026, 2, 28, 17, 30)] * 3})
    rows = new_rows({"one": frame}, settings(time_zone="Asia/Ho_Chi_Minh"), {}).rows
    assert list(rows["exam"]) == ["2026-03-01 00:30:00", "2026-03-01 00:30:00", ""]
    assert set(rows["local"]) == {"2026-02-28 17:30:00"}
    with pytest.raises(ExtractionError, match="exam of query one holds times with a time zone"):
        new_rows({"one": frame}, settings(), {})


def test_summer_time_neither_loses_nor_repeats_a_row():
    """At 01:00 UTC clocks in Berlin go back: 02:30 occurs twice."""
    stamps = [dt.datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    frame = pd.DataFrame({"id": ["a", "b"], "updated": stamps})
    berlin = settings("updated", "Europe/Berlin")
    first = new_rows({"one": frame.iloc[:1]}, berlin, {})
    second = new_rows({"one": frame}, berlin, first.highest)
    assert list(second.rows["updated"]) == ["2026-10-25 02:30:00"] * 2
    third = new_rows({"one": frame}, berlin, second.highest)
    assert list(third.rows["id"]) == ["b"]


@pytest.mark.parametrize(
    "values", [[3, 5, 7], ["2026-01", "2026-02", "2026-03"], [dt.date(2026, 1, day) for day in (1, 2, 3)]]
)
def test_rows_at_and_above_the_highest_value_are_taken_for_each_query(values):
    frame = pd.DataFrame({"id": ["a", "b", "c"], "updated": values})
    first = new_rows({"one": frame.iloc[:2], "two": frame.iloc[:1]}, settings("updated"), {})
    assert list(first.rows["id"]) == ["a", "b", "a"]
    second = new_rows({"one": frame, "two": frame}, settings("updated"), first.highest)
    assert list(second.rows["id"]) == ["b", "c", "a", "b", "c"]
    none = new_rows({"one": frame.iloc[:0], "two": frame.iloc[:1]}, settings("updated"), second.highest)
    assert (none.rows.empty, none.highest) == (True, second.highest)


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({"one": pd.DataFrame({"a": [1]}), "two": pd.DataFrame({"b": [1]})}, "one and two differ in the columns a, b"),
        ({"one": pd.DataFrame([[1, 2]], columns=["a", "a"])}, "two columns a"),
        ({"one": pd.DataFrame({"a": [1, "Nguyễn"]})}, "mixed types"),
        ({"one": pd.DataFrame({"a": [1]})}, "no column updated"),
        ({"one": pd.DataFrame({"updated": [1, None]})}, "1 rows without updated.*COALESCE"),
        ({"one": pd.DataFrame({"updated": ["x"]})}, None),
    ],
)
def test_results_that_are_no_table_are_errors_without_a_value(results, message):
    if message is None:
        results, message = {"one": pd.DataFrame({"updated": [dt.date(2026, 1, 1)]})}, "now has the type date32"
    with pytest.raises(ExtractionError, match=message) as found:
        new_rows(results, settings("updated"), {"one": "x"})
    assert "Nguyễn" not in str(found.value)


def test_an_unknown_zone_is_refused():
    with pytest.raises(ValidationError, match="Asia/Ho_Chi_Minh"):
        settings(time_zone="Hanoi/Vietnam")
