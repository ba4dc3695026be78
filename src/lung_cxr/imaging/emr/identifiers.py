r"""The grammar of identifiers: one normal form for every number that names a patient or a study, in tables and lists.

The normal form, step by step:

1. Unicode NFKC without invisible characters and outer blanks; every dash is "-", every decimal digit is 0 to 9.
2. Excel's text marks are removed: `="00123"`, `"00123"` and `'00123` are 00123.
3. A missing word (`NULL`, `N/A`, `nan`, `None`, `-` …) or an error of Excel (`#SPILL!`, `####`) is the empty text; in a
   patient number also `unknown`, and any text without a letter and a digit from 1 to 9.
4. A whole number written as a decimal loses its fraction: `40000.0` is 40000.
5. The hospital's rules for patient numbers (`PatientIdRules`): case and punctuation may count or not, and digits may be
   padded with zeros to a width.

A number that a spreadsheet has changed is malformed, because two patients may share it or one may have two: scientific
notation (`3.45679E+10`), thousands with a separator (`40.000`, `12,000.0`) and, as a patient number, a date (`12-Mar`).
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lung_cxr.imaging.emr.parsers import clean_text
from lung_cxr.parameters import EmrParameters
from lung_cxr.text_columns import map_distinct

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

MISSING_WORDS = frozenset(
    {"", "null", "(null)", "<null>", "[null]", "\\n", "n/a", "na", "n.a.", "<na>", "nan", "nat", "none", "nil", "-"}
    | {"--", "---", ".", "?", "??", "#n/a", "n\\a", "undefined", "(blank)", "không có", "không rõ", "chưa rõ"}
)
"""Words for a missing value, in lower case: of SQL, pandas, R, Excel and of typists."""

EXCEL_ERROR = re.compile(r"#+|#[a-z/_0-9]+[!?]")  # a narrow column saved as it is shown is ####
UNKNOWN_PATIENT = frozenset({"unknown", "unk", "anonymous", "vô danh"})  # as a number it would join all such patients
DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
TEXT_MARKS = (re.compile(r'=?\s*"(.*)"'), re.compile(r"['\u2018\u2019](.*?)['\u2018\u2019]?"))
WHOLE_DECIMAL = re.compile(r"(\d+)[.,]0+")
SCIENTIFIC = r"\d+(?:[.,]\d+)?[Ee][+-]\d+|\d+[.,]\d+[Ee]\d+"
THOUSANDS = r"\d{1,3}[.,]000|\d{1,3}(?:,\d{3})+\.\d+|\d{1,3}(?:\.\d{3})+,\d+"
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
CHANGED = re.compile(f"{SCIENTIFIC}|{THOUSANDS}")
DATE = re.compile(rf"\d{{4}}-\d\d-\d\d(?: \d\d:\d\d.*)?|\d{{1,2}}-{MONTH}(?:-\d{{2,4}})?|{MONTH}-\d\d", re.IGNORECASE)


def is_missing(text: str) -> bool:
    """Return True for a word that means "no value", such as NULL, N/A or nan."""
    return not normalise_identifier(text)


def without_missing_words(texts: "pd.Series[str]") -> "pd.Series[str]":
    """Replace words that mean "no value" by the empty text."""
    return map_distinct(texts, lambda text: "" if is_missing(text) else text)


@dataclass(frozen=True)
class PatientIdRules:
    """The hospital's own rules for patient numbers.

    Attributes:
        width: Digits are padded with zeros to this many characters; None: zeros count.
        ignores: Differences that do not count: of `case`, of `punctuation` (all but letters and digits, blanks too).
    """

    width: int | None = None
    ignores: frozenset[str] = frozenset()

    @classmethod
    def of(cls, emr: EmrParameters) -> "PatientIdRules":
        """Return the rules in the parameters."""
        return cls(emr.patient_id_width, frozenset(emr.patient_id_ignores))

    def normalise(self, text: str) -> str:
        """Return the normal form of one patient number, "" for a missing one."""
        number = normalise_identifier(text)
        if number.casefold() in UNKNOWN_PATIENT or not any(letter.isalnum() and letter != "0" for letter in number):
            return ""
        if "case" in self.ignores:
            number = number.upper()
        if "punctuation" in self.ignores and not is_malformed(number):
            number = "".join(character for character in number if character.isalnum())
        return number.zfill(self.width) if self.width is not None and number.isdigit() else number

    def other_spellings(self, number: str) -> list[str]:
        """Return further spellings of a normal number under which an earlier catalogue may know it.

        With a width of 8, 00012345 and 12345 are one number; 12345.0 and 12345 always are.
        """
        if not number.isdigit():
            return []
        zeros = len(number) - len(number.lstrip("0")) if len(number) == self.width else 0
        shorter = [number[cut:] for cut in range(1, min(zeros, len(number) - 1) + 1)]
        return [*shorter, *(f"{spelling}.0" for spelling in (number, *shorter))]


def normalise_identifier(text: str) -> str:
    """Return the normal form of a patient or study number, without added zeros."""
    if text.isascii() and text.isalnum():  # the common case, already normal
        return "" if text.casefold() in MISSING_WORDS else text
    text = "".join(f"^{letter}" if unicodedata.category(letter) == "No" else letter for letter in text)  # 1² is not 12
    number = clean_text(text).translate(DASHES)
    for marks in TEXT_MARKS:
        if marked := marks.fullmatch(number):
            number = marked[1].strip()
    if number.casefold() in MISSING_WORDS or EXCEL_ERROR.fullmatch(number.casefold()):
        return ""
    number = "".join(str(unicodedata.decimal(character, character)) for character in number)
    whole = None if is_malformed(number) else WHOLE_DECIMAL.fullmatch(number)
    return whole[1] if whole else number


def is_malformed(identifier: str) -> bool:
    """Return True for a number that a spreadsheet or a float has rounded, or divided into thousands."""
    return not identifier.isalnum() and CHANGED.fullmatch(identifier) is not None


def is_malformed_patient(number: str) -> bool:
    """Return True for a malformed patient number, or one that a spreadsheet has taken for a date."""
    return not number.isalnum() and (is_malformed(number) or DATE.fullmatch(number) is not None)
