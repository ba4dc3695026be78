"""The hospital's text → clean values: identifiers, dates, ages, views and sexes. Every function is vectorised."""

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

# control and format characters that show nothing: NUL, zero-width blanks, changes of direction (Unicode Cc, Cf)
INVISIBLE = dict.fromkeys(
    code for code in range(0x10000) if unicodedata.category(chr(code)) in ("Cc", "Cf") and not chr(code).isspace()
)
OLDEST = 90  # years: DESIGN §6, ages above 89 become 90
IMPLAUSIBLE = 120  # years
EARLIEST, LATEST = pd.Timestamp("1850-01-01"), pd.Timestamp("2150-01-01")  # outside: a typing error, not a date
TIME = r"(?:,?[T ]\s*\d{1,2}[:.h].*)?"  # 08:15, 8h15, 08:15:00 SA
DATE_FORMATS = {  # how it looks → how to read its first group; day first, as in Vietnam and most of the world
    r"(\d{4}-\d{2}-\d{2})([T ].*)?": "%Y-%m-%d",  # ISO 8601
    r"(\d{8})(\d{4}|\d{6})?(\.\d{1,6})?([+-]\d{4})?": "%Y%m%d",  # DICOM DA and DT
    rf"(\d{{1,2}}/\d{{1,2}}/\d{{4}}){TIME}": "%d/%m/%Y",
    rf"(\d{{1,2}}-\d{{1,2}}-\d{{4}}){TIME}": "%d-%m-%Y",
    rf"(\d{{1,2}}\.\d{{1,2}}\.\d{{4}}){TIME}": "%d.%m.%Y",
}


def clean_text(value: str) -> str:
    """NFKC, without invisible characters and outer blanks."""
    return unicodedata.normalize("NFKC", value.translate(INVISIBLE)).strip()


def clean_identifiers(text: "pd.Series[str]", width: int | None = None) -> "pd.Series[str]":
    """`clean_text` of each; numbers are zero-padded to `width` where one is given."""
    unique = {value: clean_text(value) for value in text.unique()}
    if width is not None:
        unique = {value: clean.zfill(width) if clean.isdigit() else clean for value, clean in unique.items()}
    return text.map(unique).astype("str")


def parse_dates(text: "pd.Series[str]", date_format: str | None) -> "pd.Series[pd.Timestamp]":
    """Return midnights, NaT where a text is no date (DESIGN §4: an empty exam day, not a rejection).

    Args:
        text: As the hospital writes it.
        date_format: strptime format; None: ISO, DICOM or day first, each with or without a time.
    """
    clean = clean_identifiers(text)
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
    parts = clean_identifiers(text).str.upper().str.extract(r"^(\d{1,3})(?:\.\d+)?\s*([YMWD]?)$")
    per_year = parts[1].map({"Y": 1, "": 1, "M": 12, "W": 52, "D": 365})
    return np.floor(pd.to_numeric(parts[0], errors="coerce") / per_year.astype(float))


def cap_ages(years: "pd.Series[float]") -> "pd.Series[float]":
    """Above 89 becomes 90; what no person reaches becomes NaN."""
    return years.where(years.between(0, IMPLAUSIBLE)).clip(upper=OLDEST).astype(float)


def translate(text: "pd.Series[str]", meanings: Mapping[str, Sequence[str]]) -> "pd.Series[str]":
    """Return what the hospital's words mean (case ignored), "unknown" where nobody said.

    Args:
        text: As the hospital writes it.
        meanings: Meaning → the hospital's words for it.
    """
    words = {clean_text(str(word)).casefold(): meaning for meaning, said in meanings.items() for word in said}
    unique = {value: words.get(clean_text(value).casefold(), "unknown") for value in text.unique()}
    return text.map(unique).astype("str")


def _midnights(text: "pd.Series[str]", date_format: str) -> "pd.Series[pd.Timestamp]":
    return pd.to_datetime(text, format=date_format, errors="coerce").dt.normalize().astype("datetime64[us]")
