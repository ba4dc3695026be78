"""Dates and ages as hospitals write them → midnights and whole years. Every function is vectorised."""

import numpy as np
import pandas as pd

from lung_cxr.imaging.emr.parsers import clean_text

EARLIEST, LATEST = pd.Timestamp("1850-01-01"), pd.Timestamp("2150-01-01")  # outside: a typing error, not a date
TIME = r"(?:,?[T ]\s*\d{1,2}[:.h].*)?"  # 08:15, 8h15, 08:15:00 SA
DATE_FORMATS = {  # how it looks → how to read its first group; day first, as in Vietnam and most of the world
    r"(\d{4}-\d{2}-\d{2})([T ].*)?": "%Y-%m-%d",  # ISO 8601
    r"(\d{8})(\d{4}|\d{6})?(\.\d{1,6})?([+-]\d{4})?": "%Y%m%d",  # DICOM DA and DT
    rf"(\d{{1,2}}/\d{{1,2}}/\d{{4}}){TIME}": "%d/%m/%Y",
    rf"(\d{{1,2}}-\d{{1,2}}-\d{{4}}){TIME}": "%d-%m-%Y",
    rf"(\d{{1,2}}\.\d{{1,2}}\.\d{{4}}){TIME}": "%d.%m.%Y",
}


def parse_dates(text: "pd.Series[str]", date_format: str | None) -> "pd.Series[pd.Timestamp]":
    """Return midnights, NaT where a text is no date (DESIGN §4: an empty exam day, not a rejection).

    Args:
        text: As the hospital writes it.
        date_format: strptime format; None: ISO, DICOM or day first, each with or without a time.
    """
    clean = _cleaned(text)
    dates = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    formats = DATE_FORMATS if date_format is None else {r"(.+)": date_format}
    for looks, how in formats.items():
        fits = clean.str.fullmatch(looks)
        if fits.any():
            dates[fits] = _midnights(clean[fits].str.extract(f"^{looks}$")[0], how)
    return dates.where(dates.between(EARLIEST, LATEST))


def completed_years(birth: pd.Series, exam: pd.Series) -> "pd.Series[float]":
    """Return whole years between two dates, NaN where one is missing: a fraction would give the birthday away."""
    had_birthday = (exam.dt.month * 100 + exam.dt.day) >= (birth.dt.month * 100 + birth.dt.day)
    return exam.dt.year.astype(float) - birth.dt.year - (~had_birthday).astype(float).where(birth.notna())


def parse_ages(text: "pd.Series[str]") -> "pd.Series[float]":
    """Return whole years of "58", "58.0", "058Y" or "011M" (DICOM AS), NaN where a text is no age."""
    parts = _cleaned(text).str.upper().str.extract(r"^(\d{1,3})(?:\.\d+)?\s*([YMWD]?)$")
    per_year = parts[1].map({"Y": 1, "": 1, "M": 12, "W": 52, "D": 365})
    return np.floor(pd.to_numeric(parts[0], errors="coerce") / per_year.astype(float))


def _midnights(text: "pd.Series[str]", date_format: str) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(text, format=date_format, errors="coerce").dt.normalize().astype("datetime64[us]")


def _cleaned(text: "pd.Series[str]") -> "pd.Series[str]":
    return text.map({value: clean_text(value) for value in text.unique()}).astype("str")
