"""The patient's own name in notes, in every spelling. `other_names` finds the names of other people."""

import re
import unicodedata
from itertools import pairwise

from lung_cxr.imaging.emr.parsers import clean_text

Span = tuple[int, int]

WORD = re.compile(r"[^\W\d_]+")
GAP = re.compile(r"[\s,._'’-]{0,3}")
CUES = {"bn", "pt", "patient", "nhân", "nhan", "tên", "ten", "ông", "bà", "anh", "chị", "em", "cháu", "cô", "chú",
        "bác", "mr", "mrs", "ms", "miss", "dr", "bs", "name"}  # fmt: skip
CLINICAL = {
    "binh thuong",
    "trung binh",
    "trung that",
    "trung tinh",
    "trung tam",
    "lan toa",
    "lan rong",
    "phuc mac",
    "phuc hoi",
    "thanh quan",
    "thanh mac",
    "thanh nguc",
    "long nguc",
    "nam gioi",
    "x quang",
    "dung tich",
    "dung dich",
    "noi dung",
    "hoang dan",
    "thu nho",
    "quang pho",
}  # fmt: skip  (pairs without diacritics: words of radiology that are also names)
# without diacritics these may be any word
COMMON = {"do", "an", "to", "in", "no", "so", "ho", "he", "may", "la", "van", "thi"}


def clean(text: str) -> str:
    """Return the text in NFKC, without invisible characters, stray combining marks and private-use characters."""
    composed = clean_text(text)
    return "".join(letter for letter in composed if unicodedata.category(letter) not in ("Mn", "Co", "Cf"))


def fold(text: str) -> str:
    """Return clean text without diacritics; every letter keeps its position: "Đỗ Ánh" → "Do Anh"."""
    return "".join("d" if c == "đ" else "D" if c == "Đ" else unicodedata.normalize("NFD", c)[0] for c in text)


def own_name_spans(text: str, name: str) -> list[Span]:
    """Return the spans of clean text that hold the patient's name: complete or in parts, in any order and spelling.

    Args:
        text: Result of `clean`.
        name: Name of the patient, clean.
    """
    parts = [word.lower() for word in WORD.findall(name)]
    long = {fold(part): part for part in parts if len(part) > 1}
    if not long:
        return []
    words = [(found.start(), found.end()) for found in WORD.finditer(text)]
    spans = [span for span in words if _is_joined(fold(text[slice(*span)]).lower(), [fold(part) for part in parts])]
    initials = {part[0] for part in long}
    for run in _runs(text, words, set(long), initials):
        spans.extend(_named(text, run, long, words))
    return spans


def _is_joined(word: str, parts: list[str]) -> bool:
    """Return whether a word is the name without blanks: nguyenvanhung, hungnguyenvan, hungnguyen, hungnv, nvhung."""
    if len(parts) < 2:
        return False
    *before, given = parts
    initials = "".join(part[0] for part in before)
    together = {"".join(parts), given + "".join(before), given + before[0], before[0] + given}
    return any(form in word for form in together if len(form) > 5) or word in {given + initials, initials + given}


def _runs(text: str, words: list[Span], long: set[str], initials: set[str]) -> list[list[Span]]:
    """Return groups of neighbouring words that are parts or initials of the name."""
    runs: list[list[Span]] = []
    previous_end = None
    for start, end in words:
        word = fold(text[start:end]).lower()
        if word in long or (len(word) == 1 and word in initials):
            joins = previous_end is not None and GAP.fullmatch(text, previous_end, start)
            if joins:
                runs[-1].append((start, end))
            else:
                runs.append([(start, end)])
            previous_end = end
        else:
            previous_end = None
    return runs


def _named(text: str, run: list[Span], long: dict[str, str], words: list[Span]) -> list[Span]:
    """Return the spans of a group that are the name: all of it, or the words that can be nothing else."""
    parts = [span for span in run if span[1] - span[0] > 1]
    whole = (run[0][0], run[-1][1])
    if len(parts) >= 2 or (parts and len(run) >= 2):
        is_phrase = len(parts) == 2 and text[slice(*whole)].islower() and _pair(text, *parts) in CLINICAL
        return [] if is_phrase else [whole]
    return [span for span in parts if _is_clearly_the_name(text, span, long, words)]


def _is_clearly_the_name(text: str, span: Span, long: dict[str, str], words: list[Span]) -> bool:
    word = text[slice(*span)]
    position = words.index(span)
    before = words[position - 1] if position else None
    if before is not None and text[slice(*before)].lower() in CUES:
        return True
    neighbours = pairwise(words[max(position - 1, 0) : position + 2])
    if any(_pair(text, one, other) in CLINICAL for one, other in neighbours):
        return False
    as_written = word.lower() == long[fold(word).lower()]
    in_ascii = text.isascii() and word.lower() not in COMMON
    return word[0].isupper() and (as_written or in_ascii)


def _pair(text: str, one: Span, other: Span) -> str:
    return fold(f"{text[slice(*one)]} {text[slice(*other)]}").lower()
