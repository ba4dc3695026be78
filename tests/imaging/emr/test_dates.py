import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.emr.dates import completed_years, parse_ages, parse_dates


def text(*values: str) -> pd.Series:
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-31",
        "2026-03-31 08:15:00",
        "2026-03-31T08:15:00+07:00",
        "20260331",
        "31/03/2026",
        "31-3-2026",
        "31.03.2026",
        "31/03/2026 08:15",
        "31/3/2026, 8h15",
        "31-03-2026 08:15:00",
        "31.03.2026 8.15",
        "20260331081500",
        "20260331081500.123456+0700",
        "202603310815",
    ],
)
def test_dates_of_all_habits_are_the_same_day(written):
    assert parse_dates(text(written), None)[0] == pd.Timestamp("2026-03-31")


@pytest.mark.parametrize(
    "written",
    ["", "followup=3", "12", "2026", "31/02/2026", "0026-03-31", "99999999", "March", "31/03/2026 x", "2026033108"],
)
def test_what_is_no_date_is_an_empty_day(written):
    assert pd.isna(parse_dates(text(written), None)[0])


def test_a_stated_format_is_the_only_one():
    dates = parse_dates(text("03/31/2026", "31/03/2026"), "%m/%d/%Y")
    assert dates[0] == pd.Timestamp("2026-03-31")
    assert pd.isna(dates[1])


def test_years_are_completed_on_the_birthday():
    birth = pd.Series(pd.to_datetime(["1980-06-15", "1980-06-15", "2000-02-29", None]))
    exam = pd.Series(pd.to_datetime(["2026-06-14", "2026-06-15", "2026-02-28", "2026-01-01"]))
    assert completed_years(birth, exam).tolist()[:3] == [45, 46, 25]
    assert np.isnan(completed_years(birth, exam)[3])


def test_ages_are_read_as_hospitals_and_dicom_write_them():
    ages = parse_ages(text("58", "58.0", "058Y", "011M", "030M", "early 40s", "50+", ""))
    assert ages[:5].tolist() == [58, 58, 58, 0, 2]
    assert ages[5:].isna().all()
