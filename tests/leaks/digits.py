"""The whole numbers that stand in a text, each as it could have been meant: the part that chance visits.

A number counts as written

- in one piece, bounded by anything but digits; not a decimal fraction ("0.12345678"), not inside a random key (sixteen
  and more hexadecimal digits, letters among them);
- in up to six groups of two and more digits, or in single digits, with the same separator throughout: "0903 123 456",
  "090-312-3456", "1.2.826.0.1"; never with commas, which separate unrelated numbers;
- as a day: three groups, one of them a year of four digits, in the form "1957-3-5" whatever separated them;
- at the beginning or end of a run of twelve and more digits, which two numbers make that were joined.

A number of n digits that has nothing to do with any of k needles thus meets one with a chance of k / 10ⁿ.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

HEX_KEY = re.compile(r"(?<![0-9A-Za-z])(?=[0-9]*[a-fA-F])[0-9a-fA-F]{16,}(?![0-9A-Za-z])")
AREA_CODE = re.compile(r"\((\d{2,5})\)[ -]?(?=\d)")  # (090) 312-3456
WRAPPED = re.compile(r"[ \t]*\r?\n[ \t]*")  # a line that a log broke
RUN = re.compile(r"\d+(?:[ .\-/_:\t\n]{1,2}\d+)*")
GROUPS = re.compile(r"(\D*)(\d+)")
MAX_GROUPS, MAX_SINGLE = 6, 14
JOINED = 12  # digits: two numbers without anything between
JOINED_PART = 8  # digits of the part that is looked for
UNIQUE = 20  # digits that no float has: the last component of a UID


def numbers_in(text: str) -> Iterator[str]:
    """Yield every whole number of a text as digits, and every day as year-month-day or day-month-year."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = AREA_CODE.sub(r"\1", HEX_KEY.sub("|", WRAPPED.sub("\n", text)))
    for run in dict.fromkeys(RUN.findall(text)):
        yield from _of_run(run)


@lru_cache(maxsize=2**17)  # logs say the same again and again, and every text is searched in several decodings
def _of_run(run: str) -> tuple[str, ...]:
    parts = GROUPS.findall(run)
    separators, groups = [part[0].strip() or " " for part in parts], [part[1] for part in parts]
    together = _together(separators, groups) if len(groups) > 1 else ()
    return (*_single(separators, groups), *together)


def _single(separators: list[str], groups: list[str]) -> Iterator[str]:
    for separator, group in zip(separators, groups, strict=True):
        if separator != "." or len(group) >= UNIQUE:
            yield group
            if len(group) >= JOINED:
                yield from (part for size in range(JOINED_PART, len(group)) for part in (group[:size], group[-size:]))


def _together(separators: list[str], groups: list[str]) -> Iterator[str]:
    if len(set(separators[1:])) == 1 and len(groups) > MAX_GROUPS:
        yield "".join(groups)
    for start in range(len(groups) - 1):
        single = len(groups[start]) == 1
        for end in range(start + 2, min(start + (MAX_SINGLE if single else MAX_GROUPS), len(groups)) + 1):
            if separators[end - 1] != separators[start + 1]:
                break
            window = groups[start:end]
            if end - start == 3:
                yield from _day(window)
            if all((len(group) == 1) == single for group in window):
                yield "".join(window)


def _day(groups: list[str]) -> Iterator[str]:
    lengths = tuple(map(len, groups))
    if lengths in ((4, 2, 2), (4, 1, 1), (4, 1, 2), (4, 2, 1), (2, 2, 4), (1, 1, 4), (1, 2, 4), (2, 1, 4)):
        yield "-".join(str(int(group)) for group in groups)
