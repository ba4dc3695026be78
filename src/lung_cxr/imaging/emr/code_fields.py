"""Fields with ICD-10 codes as hospitals write them: one or several codes, with or without descriptions.

A field is read completely or not at all: a piece that may be a misspelt code makes the field a fault, because a code
that is left out could change the class of the record. So does a code that is qualified (excluded, suspected, "?").
"""

import re
import unicodedata
from functools import lru_cache

from lung_cxr.diseases import normalise_icd10

CODE = r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?"  # three characters and up to four more
SEPARATORS = re.compile(r"[;,|/\n\r\t+&]+")  # between entries; full-width ones are these after NFKC
OTHER_SEPARATORS = re.compile(r"(?:[^\w\s.:?%-]|_)(?= ?[A-Z]\d)")  # "J18.9^U07.1", "J18.9_U07.1"
BRACKETS_AND_QUOTES = re.compile(r"[()\[\]{}<>'\"`’‘“”«»]")
HYPHENS = re.compile(r"[\u00ad\u058a\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
MARKS = re.compile(r"[†‡*!#]|(?<=\w)\.(?!\w)")  # dagger, asterisk, a full stop at the end
SPLIT_CODE = re.compile(r"(?<!\w)([A-Z]) (\d)")  # "J 18.9"
SPLIT_DOT = re.compile(r"(?<!\w)([A-Z]\d[0-9A-Z]) ?([.,]) ?(\d{1,2})(?![A-Z0-9.])(?=( ?[^ .\d]|$))")
CODE_AT_START = re.compile(rf"({CODE})(?![A-Z0-9.?])")
RANGE_OR_DIGITS = re.compile(rf" ?- ?{CODE}(?!\w)|[ -]+\d{{1,2}}(?!\w)")  # "J12-J18", "U07 1"
OTHER_POINT = re.compile(r"[A-Z]\d\d(?:[^\w.]|_)")  # "U07·1", "U07:1"
QUALIFIED = re.compile(
    r"(?<!\w)[A-Z]\d\d(?:\.\d{1,2})? ?[AVZ](?!\w)"  # ICD-10-GM: excluded, suspected, history of
    r"|(?<!\w)\?|\?(?!\w)|(?<!\w)(?:EXCLUDED?|RULED? OUT|R/O|SUSPECT(?:ED)?|HISTORY OF|NEGATIVE"
    r"|LOẠI TRỪ|NGHI(?: NGỜ)?|THEO DÕI|TD|TIỀN SỬ|ÂM TÍNH)(?!\w)"
)
LOOKALIKES = str.maketrans("OQILSBZ", "0011582")
MISSPELT = re.compile(r"[A-Z][0-9]{2}(?:\.?[0-9]{1,2})?")


@lru_cache(maxsize=2**16)
def read_codes(text: str) -> tuple[str, ...] | None:
    """Return the ICD-10 codes of a field in their order, () for an empty field, None if the field is not understood.

    Codes may be separated by comma, semicolon, `|`, slash, `+`, line break or blank, stand in brackets, and be followed
    by a description: "J18.9 - Viêm phổi; U07.1" → ("J189", "U071").

    Args:
        text: Field as the hospital writes it.
    """
    plain = _plain(text)
    if QUALIFIED.search(plain):
        return None
    entries = [entry.strip(" -:.") for entry in SEPARATORS.split(OTHER_SEPARATORS.sub(";", plain))]
    codes: list[str] = []
    for entry in filter(None, entries):
        found = _codes_of_entry(entry)
        if found is None:
            return None
        codes += found
    return tuple(codes) if codes or not any(entries) else None


def _plain(text: str) -> str:
    """Return a field in upper case with plain hyphens, without brackets, quotes, marks and invisible characters."""
    clean = HYPHENS.sub("-", unicodedata.normalize("NFKC", HYPHENS.sub("-", text))).upper()
    clean = "".join(letter for letter in clean if letter in "\n\r\t" or unicodedata.category(letter)[0] != "C")
    clean = MARKS.sub("", BRACKETS_AND_QUOTES.sub(" ", clean))
    clean = re.sub(r"[^\S\n\r\t]+", " ", clean)
    return SPLIT_DOT.sub(r"\1.\3", SPLIT_CODE.sub(r"\1\2", clean))


def _codes_of_entry(entry: str) -> list[str] | None:
    """Return the codes of one entry, [] for words without a digit, None if it may hold a misspelt code."""
    start = CODE_AT_START.match(entry)
    if start is None:
        is_words = not any(letter.isdigit() for letter in entry.split(maxsplit=1)[0])
        return [] if is_words and not _has_misspelt_code(entry) and not _codes_in(entry) else None
    rest = entry[start.end() :]
    if RANGE_OR_DIGITS.match(rest) or (OTHER_POINT.match(f"{start[1]}{rest[:1]}") and rest[1:2].isdigit()):
        return None
    if _has_misspelt_code(rest):
        return None
    return [normalise_icd10(start[1]), *_codes_in(rest)]


def _codes_in(words: str) -> list[str]:
    return [normalise_icd10(word) for word in _words(words) if re.fullmatch(CODE, word)]


def _has_misspelt_code(words: str) -> bool:
    """Return True if a word becomes a code when letters are read as the digits that they look like: "UO7.1"."""
    return any(
        not re.fullmatch(CODE, word)
        and any(letter.isdigit() for letter in word)
        and (MISSPELT.fullmatch(word[0] + word[1:].translate(LOOKALIKES)) or OTHER_POINT.match(word))
        for word in _words(words)
    )


def _words(text: str) -> list[str]:
    return [word for word in (word.strip(".:-?%") for word in text.split()) if word]
