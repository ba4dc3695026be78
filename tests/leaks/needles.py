"""What must not leave 01_raw: every identifier that was planted, in every form in which it could be written.

Letters and digits are compared in different ways, because chance treats them differently.

*Letter forms* (names, addresses, study numbers, file names, days with the month's name) are folded: NFKC, case folding,
no diacritics (đ is d), no blanks, no punctuation. Forms of seven characters and more that are not hexadecimal cannot be
met by chance in hashes, so they are looked for anywhere in the folded text, also joined to other words.

*Digit forms* (patient numbers, telephones, national numbers, days, unique identifiers) can. They are looked for as
whole numbers, see `digits.py`; those with fewer than six significant digits ("1024" is a patient, and the side of every
image) only where a text consists of nothing else, and in columns of numbers only if most of its values are patients.
"""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass

BOUNDARY = "\x1f"  # between texts that do not belong together; the only non-alphanumeric that folding leaves
MIN_LETTERS = 7  # characters of a folded form: "levanan" is a name
MIN_DIGITS = 6  # significant digits of a number that is looked for inside a text
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DROPPED = re.compile(rf"[^\w{BOUNDARY}]+|_+")  # accents, once apart from their letters, are not \w
_LATIN = str.maketrans({"đ": "d", "ð": "d", "ı": "i", "ł": "l", "ø": "o"})


@dataclass(frozen=True)
class Needle:
    """One identifier of one patient, or of the hospital.

    Attributes:
        kind: name, patient_id, phone, …
        text: As the hospital writes it.
        letters: Folded forms, looked for anywhere.
        numbers: Digit forms, looked for as whole numbers.
        weak: Short digit forms, looked for as whole texts.
    """

    kind: str
    text: str
    letters: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()


def fold(text: str) -> str:
    """NFKC, case folded, without diacritics, blanks and punctuation; `BOUNDARY` stays."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold()).translate(_LATIN)
    return _DROPPED.sub("", text.lower())


def name_needle(name: str, kind: str = "name") -> Needle:
    """A person's name: family name first or last, with and without middle names, and as bad encodings mangle it."""
    words = re.split(r"[\s^]+", name.strip())
    family, given = words[0], words[-1]
    orders = {" ".join(words), " ".join([*words[1:], family]), " ".join([given, *words[:-1]]), f"{family} {given}"}
    mangled = {form for spelling in (name, "^".join([family, " ".join(words[1:])])) for form in _mangled(spelling)}
    return Needle(kind, name, _letter_forms(orders | mangled))


def text_needle(kind: str, *texts: str) -> Needle:
    """Anything with enough letters: an address, a study number, a file name, an institution."""
    return Needle(kind, texts[0], _letter_forms({*texts, *(form for text in texts for form in _mangled(text))}))


def number_needle(kind: str, *texts: str) -> Needle:
    """A number with and without leading zeros."""
    digits = {re.sub(r"\D", "", unicodedata.normalize("NFKC", text)) for text in texts}
    forms = (digits | {form.lstrip("0") for form in digits}) - {""}
    strong = {form for form in forms if len(form.lstrip("0")) >= MIN_DIGITS or len(form) >= MIN_DIGITS + 2}
    return Needle(kind, texts[0], numbers=frozenset(strong), weak=frozenset(forms - strong))


def phone_needle(phone: str) -> Needle:
    """A Vietnamese telephone number, national or with +84 or 0084."""
    bare = re.sub(r"\D", "", phone).removeprefix("0")
    return number_needle("phone", phone, bare, f"84{bare}", f"0084{bare}")


def date_needle(kind: str, day: dt.date) -> Needle:
    """A day: year, month or day first, whatever stands between, the month as a number or (folded) as a word."""
    year, month, date = day.year, day.month, day.day
    name = MONTHS[month - 1]
    joined = {f"{day:%Y%m%d}", f"{day:%d%m%Y}"}
    apart = {f"{year}-{month}-{date}", f"{date}-{month}-{year}", f"{month}-{date}-{year}"}
    words = {f"{date}{word}{year}" for word in (name, name[:3], f"thang{month}nam", f"thang{month:02d}nam")}
    words |= {f"{word}{number}{year}" for word in (name, name[:3]) for number in (f"{date}", f"{date:02d}")}
    return Needle(kind, day.isoformat(), letters=frozenset(words), numbers=frozenset(joined | apart))


def _letter_forms(texts: set[str]) -> frozenset[str]:
    return frozenset(form for form in map(fold, texts) if len(form) >= MIN_LETTERS)


def _mangled(text: str) -> list[str]:
    """UTF-8 read as a Windows encoding, and letters lost to ASCII."""
    if text.isascii():
        return []
    windows = [text.encode("utf-8").decode(name, "ignore") for name in ("latin-1", "cp1252", "cp1258")]
    return [*windows, text.encode("ascii", "ignore").decode()]
