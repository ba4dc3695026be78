"""Dates and ages as hospitals write them → midnights and whole years. Every function is vectorised.

A date such as 04/05/2026 has two readings. All dates of a column are read in one order of day and month, which the
column's other values decide ("03/31" is month first); without such a value the date is ambiguous and stays empty.

Excel that opens 31/03/2026 and 04/05/2026 in the other order leaves the first as text and makes the second 5 April. ISO
dates beside such texts are therefore ambiguous.
"""

import logging
import unicodedata
from typing import NamedTuple

import numpy as np
import pandas as pd

from lung_cxr.imaging.deidentify.age_cap import IMPLAUSIBLE
from lung_cxr.imaging.emr.parsers import clean_text
from lung_cxr.text_columns import map_distinct, on_distinct

EARLIEST, LATEST = pd.Timestamp("1850-01-01"), pd.Timestamp("2150-01-01")  # outside: a typing error, not a date
TIME = r"(?:,?[T ]\s*\d{1,2}[:.h].*)?"  # 08:15, 8h15, 08:15:00 SA
DATE_FORMATS = {  # pattern of the text → strptime format of its first group; each has one reading
    r"(\d{4}-\d{2}-\d{2})([T ].*)?": "%Y-%m-%d",  # ISO 8601
    rf"(\d{{4}}/\d{{1,2}}/\d{{1,2}}){TIME}": "%Y/%m/%d",
    r"(\d{8})(\d{4}|\d{6})?(\.\d{1,6})?([+-]\d{4})?": "%Y%m%d",  # DICOM DA and DT
    rf"(\d{{1,2}}\.\d{{1,2}}\.\d{{4}}){TIME}": "%d.%m.%Y",  # with points the day is always first
}
TWO_ORDERS = rf"(\d{{1,2}})([/-])(\d{{1,2}})\2(\d{{4}}){TIME}"
YEAR = (  # 1954, 07/1954, 00/00/1954, --/--/1954, 1954-00-00
    r"(?:(?:0{1,2}|[-x?]{1,2})[/.-](?:\d{1,2}|[-x?]{1,2})[/.-]|\d{1,2}[/.-])?(\d{4})(?:\.0|-00-00|[/-]\d{1,2}(?:-00)?)?"
)
LAST_MONTH = 12  # a larger number is a day
DAY_FIRST, MONTH_FIRST, UNDECIDED = "day first", "month first", "undecided"
MIN_AGREEMENT = 0.99  # share of the dates with one reading that must agree; one typing error in 100 is no other order
AGE = r"(\d{1,3})(?:[.,]\d+)?\s*([a-z/]*)(?:\s+\d{1,2}\s*[a-z]+)?"  # "58", "58 tuổi", "2 tuổi 3 tháng"; accents dropped
PER_YEAR = {
    **dict.fromkeys(("", "y", "yo", "y/o", "yr", "yrs", "year", "years", "t", "tuoi", "nam"), 1),
    **dict.fromkeys(("m", "mo", "month", "months", "th", "thang"), 12),
    **dict.fromkeys(("w", "wk", "week", "weeks", "tuan"), 52),
    **dict.fromkeys(("d", "day", "days", "ngay"), 365),
}

log = logging.getLogger(__name__)


class Dates(NamedTuple):
    """One column of dates.

    Attributes:
        days: Midnights, NaT where the text is not understood as one date.
        years: Calendar years, also of ambiguous dates and of years alone; NaN where there is none.
        is_ambiguous: True where day and month could be exchanged and the column does not decide.
    """

    days: "pd.Series[pd.Timestamp]"
    years: "pd.Series[float]"
    is_ambiguous: "pd.Series[bool]"


def date_rows(rows: pd.DataFrame, date_format: str | None) -> pd.DataFrame:
    """Return the exam day and the age of each row.

    Args:
        rows: `export, table, exam_date, birth_date, age`; text except for the two numbers.
        date_format: strptime format of all dates; None: ISO, DICOM, or one order of day and month per column.

    Returns:
        `exam_day`: midnight or NaT · `exam_day_reason`: "", `not_given`, `not_understood` or `ambiguous` ·
        `age_years`: whole years, from both dates, else from the age, else from the two years; NaN if unknown ·
        `age_reason`: "", `not_given` or `not_understood` (also without an exam date).
    """
    orders = _orders(rows)
    exam, birth = (
        _without_exchanged(parse_dates(rows[name], date_format, order), rows, name, date_format)
        for name, order in orders.items()
    )
    ages = _plausible(completed_years(birth.days, exam.days))
    ages = ages.fillna(_plausible(parse_ages(rows["age"]))).fillna(_plausible(exam.years - birth.years))
    has_date, has_age = _is_given(rows["exam_date"]), _is_given(rows["birth_date"]) | _is_given(rows["age"])
    exam_reason = np.select(
        [exam.days.notna(), exam.is_ambiguous, has_date], ["", "ambiguous", "not_understood"], "not_given"
    )
    return pd.DataFrame(
        {
            "exam_day": exam.days,
            "exam_day_reason": exam_reason,
            "age_years": ages,
            "age_reason": np.select([ages.notna(), has_age], ["", "not_understood"], "not_given"),
        },
        index=rows.index,
    ).astype({"exam_day_reason": "str", "age_reason": "str"})


def parse_dates(text: "pd.Series[str]", date_format: str | None, order: "pd.Series[str] | str" = UNDECIDED) -> Dates:
    """Read one column of dates.

    Args:
        text: Dates as the hospital writes them, with or without a time.
        date_format: strptime format; None: ISO, DICOM, 31.03.2026, or `order`.
        order: `day first`, `month first` or `undecided`: how 04/05/2026 and 04-05-2026 are read.
    """
    fields = pd.DataFrame({"text": text, "order": order}, text.index)
    kinds = fields.groupby(["text", "order"], sort=False, dropna=False).ngroup().to_numpy()
    distinct = fields.drop_duplicates(ignore_index=True)
    read = _parse_distinct(distinct["text"], date_format, distinct["order"])
    return Dates(*(column.take(kinds).set_axis(text.index) for column in read))


def _parse_distinct(text: "pd.Series[str]", date_format: str | None, order: "pd.Series[str]") -> Dates:
    clean = _cleaned(text)
    days = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for pattern, how in ({r"(.+)": date_format} if date_format else DATE_FORMATS).items():
        fits = clean.str.fullmatch(pattern)
        if fits.any():
            days[fits] = _midnights(clean[fits].str.extract(f"^{pattern}$")[0], how)
    years = pd.to_numeric(clean.str.extract(f"^{YEAR}$")[0], errors="coerce").astype(float)
    if date_format:
        is_ambiguous = pd.Series(False, index=text.index)
    else:
        parts = clean.str.extract(f"^{TWO_ORDERS}$")
        day_first, month_first = (
            _midnights(parts[a] + "/" + parts[b] + "/" + parts[3], "%d/%m/%Y") for a, b in ((0, 2), (2, 0))
        )
        is_ambiguous = (order == UNDECIDED) & day_first.notna() & month_first.notna() & (day_first != month_first)
        days = days.fillna(day_first.where(order != MONTH_FIRST)).fillna(month_first.where(order != DAY_FIRST))
        days = days.mask(is_ambiguous)
        years = years.fillna(parts[3].where(is_ambiguous).astype(float))
    days = days.where(days.between(EARLIEST, LATEST))
    years = days.dt.year.astype(float).fillna(years.where(years.between(EARLIEST.year, LATEST.year)))
    return Dates(days, years, is_ambiguous)


def _without_exchanged(dates: Dates, rows: pd.DataFrame, name: str, date_format: str | None) -> Dates:
    """Leave out ISO dates of a column in which Excel may have exchanged day and month.

    Then every other date has one reading only (the day is above 12), and no ISO date has a day above 12.
    """
    is_iso = on_distinct(rows[name], _is_iso) & dates.days.notna()
    tables = [rows["export"], rows["table"]]
    parts = on_distinct(rows[name], _two_numbers)
    has_two_readings = (parts <= LAST_MONTH).all(axis=1)
    is_clear = has_two_readings | (is_iso & (dates.days.dt.day > LAST_MONTH))
    is_suspect = parts["first"].notna().groupby(tables).transform("any") & ~is_clear.groupby(tables).transform("any")
    is_exchanged = is_suspect & is_iso & (dates.days.dt.day != dates.days.dt.month) & (date_format is None)
    return Dates(dates.days.mask(is_exchanged), dates.years, dates.is_ambiguous | is_exchanged)


def _is_iso(text: "pd.Series[str]") -> "pd.Series[bool]":
    return _cleaned(text).str.fullmatch(next(iter(DATE_FORMATS)))


def _two_numbers(text: "pd.Series[str]") -> pd.DataFrame:
    """Return the `first` and the `second` number of dates with two orders, NaN for all other texts."""
    parts = _cleaned(text).str.extract(f"^{TWO_ORDERS}$")
    numbers = {"first": parts[0], "second": parts[2]}
    return pd.DataFrame({name: pd.to_numeric(part, errors="coerce").astype(float) for name, part in numbers.items()})


def completed_years(birth: pd.Series, exam: pd.Series) -> "pd.Series[float]":
    """Return whole years between two dates, NaN where one is missing: a fraction would reveal the birthday."""
    had_birthday = (exam.dt.month * 100 + exam.dt.day) >= (birth.dt.month * 100 + birth.dt.day)
    return exam.dt.year.astype(float) - birth.dt.year - (~had_birthday).astype(float).where(birth.notna())


def parse_ages(text: "pd.Series[str]") -> "pd.Series[float]":
    """Return whole years of "58", "58 tuổi", "6 tháng", "58.0", "058Y" or "011M" (DICOM AS), NaN for other texts."""
    return on_distinct(text, _parse_distinct_ages)


def _parse_distinct_ages(text: "pd.Series[str]") -> "pd.Series[float]":
    parts = map_distinct(_cleaned(text), _without_accents).str.extract(f"^{AGE}$")
    return np.floor(pd.to_numeric(parts[0], errors="coerce") / parts[1].map(PER_YEAR).astype(float))


def _orders(rows: pd.DataFrame) -> "dict[str, pd.Series[str]]":
    """Return the order of day and month of both date columns, for each row.

    Values with one reading decide: those of the same column of the same table; if it has none, those of both columns of
    the table; if they have none, those of the same column in the same table of all exports.
    """
    tables = [rows["export"], rows["table"]]
    votes = {name: _votes(rows[name]) for name in ("exam_date", "birth_date")}
    by_table = {name: cast.groupby(tables).transform("sum") for name, cast in votes.items()}
    both = by_table["exam_date"] + by_table["birth_date"]
    found = {}
    for name, cast in votes.items():
        levels = (by_table[name], both, cast.groupby(rows["table"]).transform("sum"))
        found[name] = pd.Series(UNDECIDED, index=rows.index)
        for level in reversed(levels):
            found[name] = found[name].mask(level.sum(axis=1) > 0, _majority(level))
        month_first = rows[(found[name] == MONTH_FIRST) & _is_given(rows[name])]
        if number := month_first.groupby(["export", "table"]).ngroups:
            log.info("%s of %d tables is read as %s", name, number, MONTH_FIRST)
    return found


def _votes(text: "pd.Series[str]") -> pd.DataFrame:
    """Return for each date whether it can only be read day first, and whether only month first; int64."""
    parts = on_distinct(text, _two_numbers)
    first, second = parts["first"], parts["second"]
    day_first = first.between(13, 31) & second.between(1, 12)
    month_first = second.between(13, 31) & first.between(1, 12)
    return pd.DataFrame({DAY_FIRST: day_first, MONTH_FIRST: month_first}).astype("int64")


def _majority(votes: pd.DataFrame) -> "pd.Series[str]":
    """Return the order on which at least `MIN_AGREEMENT` of the votes agree, else `undecided`."""
    needed = MIN_AGREEMENT * votes.sum(axis=1)
    day_first, month_first = (votes[order] >= needed for order in (DAY_FIRST, MONTH_FIRST))
    return pd.Series(np.select([day_first, month_first], [DAY_FIRST, MONTH_FIRST], UNDECIDED), index=votes.index)


def _midnights(text: "pd.Series[str]", date_format: str) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(text, format=date_format, errors="coerce").dt.normalize().astype("datetime64[us]")


def _plausible(years: "pd.Series[float]") -> "pd.Series[float]":
    return years.where(years.between(0, IMPLAUSIBLE))


def _is_given(text: "pd.Series[str]") -> "pd.Series[bool]":
    return _cleaned(text) != ""


def _cleaned(text: "pd.Series[str]") -> "pd.Series[str]":
    return map_distinct(text, clean_text)


def _without_accents(text: str) -> str:
    return "".join(
        letter for letter in unicodedata.normalize("NFD", text.casefold()) if not unicodedata.combining(letter)
    )
