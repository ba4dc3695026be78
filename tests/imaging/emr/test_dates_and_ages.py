import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.emr.dates_and_ages import (
    DAY_FIRST,
    MONTH_FIRST,
    completed_years,
    date_rows,
    parse_ages,
    parse_dates,
)


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
        "2026/3/31",
    ],
)
def test_dates_of_all_habits_are_the_same_day(written):
    assert parse_dates(text(written), None).days[0] == pd.Timestamp("2026-03-31")


@pytest.mark.parametrize(
    "written",
    ["", "followup=3", "12", "2026", "31/02/2026", "0026-03-31", "99999999", "March", "31/03/2026 x", "2026033108"],
)
def test_what_is_no_date_is_an_empty_day(written):
    assert pd.isna(parse_dates(text(written), None).days[0])


def test_a_stated_format_is_the_only_one():
    dates = parse_dates(text("03/31/2026", "31/03/2026"), "%m/%d/%Y").days
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


def test_ages_in_words_are_whole_years():
    written = text(
        "58 tuổi", "58 tuoi", "58t", "58 years", "6 tháng", "30 tháng", "6 Th", "3 tuần", "10 ngày", "2 tuổi 3 tháng"
    )
    assert parse_ages(written).tolist() == [58, 58, 58, 58, 0, 2, 0, 0, 0, 2]


def rows(exam_date, birth_date="", age="", export=1, table=1):
    columns = {"exam_date": exam_date, "birth_date": birth_date, "age": age, "export": export, "table": table}
    return pd.DataFrame({**dict.fromkeys(columns, ""), **columns}, index=range(len(exam_date)))


def days(frame, date_format=None):
    dated = date_rows(frame, date_format)
    return [
        day.strftime("%d.%m.%Y") if pd.notna(day) else reason
        for day, reason in zip(dated.exam_day, dated.exam_day_reason, strict=True)
    ]


@pytest.mark.parametrize("separator", ["/", "-"])
def test_one_value_decides_the_order_of_its_column(separator):
    written = [value.replace("/", separator) for value in ("03/31/2026", "04/05/2026", "12/25/2025 08:15")]
    assert days(rows(written)) == ["31.03.2026", "05.04.2026", "25.12.2025"]
    written = [value.replace("/", separator) for value in ("31/03/2026", "04/05/2026")]
    assert days(rows(written)) == ["31.03.2026", "04.05.2026"]


def test_a_column_without_such_a_value_is_ambiguous_but_for_days_with_one_reading():
    assert days(rows(["04/05/2026", "05/05/2026", "2026-04-05", "04.05.2026"])) == [
        "ambiguous", "05.05.2026", "05.04.2026", "04.05.2026",
    ]  # fmt: skip


@pytest.mark.parametrize("left_as_text", ["31/03/2026", "03/31/2026"])
def test_dates_that_excel_may_have_exchanged_are_ambiguous(left_as_text):
    """Excel with the other order leaves days above 12 as text and exchanges day and month of all others."""
    exchanged = ["2026-04-05", "2026-05-05", left_as_text]
    assert days(rows(exchanged)) == ["ambiguous", "05.05.2026", "31.03.2026"]
    assert days(rows([*exchanged, "2026-04-13"]))[0] == "05.04.2026"  # a date that cannot be exchanged
    assert days(rows(exchanged, table=[1, 1, 2]))[0] == "05.04.2026"
    assert date_rows(rows(exchanged, birth_date="1954-02-03"), None).age_years.tolist() == [72, 72, 72]


def test_a_stated_format_makes_it_certain():
    assert days(rows(["04/05/2026"]), "%d/%m/%Y") == ["04.05.2026"]


def test_the_other_date_column_of_the_table_decides_too():
    assert days(rows(["04/05/2026", "04/05/2026"], birth_date=["12/25/1954", ""])) == ["05.04.2026"] * 2


def test_the_same_table_of_another_export_decides_too():
    assert days(rows(["04/05/2026", "13/05/2026", "04/05/2026"], export=[1, 2, 3], table=[1, 1, 2])) == [
        "04.05.2026", "13.05.2026", "ambiguous",
    ]  # fmt: skip


def test_tables_of_one_export_may_have_different_orders():
    assert days(rows(["04/05/2026", "13/05/2026", "04/05/2026", "05/13/2026"], table=[1, 1, 2, 2])) == [
        "04.05.2026", "13.05.2026", "05.04.2026", "13.05.2026",
    ]  # fmt: skip


def test_values_that_contradict_each_other_decide_nothing_but_one_in_a_hundred_is_a_typing_error():
    assert days(rows(["31/03/2026", "03/31/2026", "04/05/2026"])) == ["31.03.2026", "31.03.2026", "ambiguous"]
    written = ["31/03/2026"] * 120 + ["03/31/2026", "04/05/2026"]
    assert days(rows(written))[-2:] == ["not_understood", "04.05.2026"]


def test_a_given_order_is_kept():
    assert parse_dates(text("04/05/2026"), None, DAY_FIRST).days[0].day == 4
    assert parse_dates(text("04/05/2026"), None, MONTH_FIRST).days[0].day == 5


@pytest.mark.parametrize("birth", ["1954", "1954.0", "00/00/1954", "--/--/1954", "07/1954", "1954-00-00"])
def test_a_year_of_birth_alone_gives_an_age(birth):
    assert date_rows(rows(["2026-03-31"], birth_date=birth), None)["age_years"].tolist() == [72]


@pytest.mark.parametrize(
    ("exam", "birth", "age", "years", "reason"),
    [
        ("2026-03-31", "1954-06-01", "99", 71, ""),  # both dates are the most exact
        ("2026-03-31", "1954", "71 tuổi", 71, ""),
        ("", "1954", "71", 71, ""),
        ("04/05/2026", "1954", "", 72, ""),  # ambiguous, but its year is certain
        ("2026-03-31", "2030-01-01", "71", 71, ""),  # born after the examination
        ("2026-03-31", "31/02/1954", "", np.nan, "not_understood"),
        ("", "1954-06-01", "", np.nan, "not_understood"),
        ("2026-03-31", "", "", np.nan, "not_given"),
    ],
)
def test_the_most_exact_source_of_an_age_counts(exam, birth, age, years, reason):
    found = date_rows(rows([exam], birth, age), None).iloc[0]
    assert (found["age_years"], found["age_reason"]) == (pytest.approx(years, nan_ok=True), reason)
