"""Scrub clinical notes: names, numbers, dates and places become [NAME], [ID], [DATE] and so on.

Patterns and names in Vietnamese and English. They find the row's own name and numbers in every spelling, the numbers of
every other patient of the exports, names after titles and family names, and everything that looks like a date,
telephone number, address, e-mail address or card. They cannot find every name: another person's first name in lower
case stays. A note in a legacy encoding is dropped.
"""

import logging
import re
from collections.abc import Collection, Iterable

import pandas as pd

from lung_cxr.imaging.deidentify.legacy_encodings import is_legacy_encoded
from lung_cxr.imaging.deidentify.note_names import Span, clean, fold, own_name_spans
from lung_cxr.imaging.deidentify.note_patterns import FOLDED, PLACES, WEB, compiled
from lung_cxr.imaging.deidentify.other_names import others_spans

log = logging.getLogger(__name__)

KINDS = ("NAME", "DATE", "PHONE", "EMAIL", "URL", "ADDRESS", "ID")
# digits: a patient number of three could be any measurement; after "mã BN" or "MRN" it is replaced all the same
SHORTEST_NUMBER = 4
_MARKS = {kind: chr(0xE000 + position) for position, kind in enumerate(KINDS)}  # private use: no pattern matches them
_WEB, _PLACES = compiled(WEB), compiled(PLACES)
_FOLDED = compiled(FOLDED, re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_][\w./-]*[^\W_]")


def scrub_note(note: str, name: str, numbers: Iterable[str], everybodys: Collection[str]) -> str:
    """Return a note with placeholders for everything that identifies a person.

    Args:
        note: Free text.
        name: Name of the patient; "" if it is not given.
        numbers: Patient and study number of the row; "" is skipped.
        everybodys: Lower-case numbers of all rows: replaced if they are written the same way.
    """
    text = clean(note)
    for kind, pattern in _WEB:  # e-mail and web addresses first: a name may be in them
        text = _replace(text, _matches(pattern, text), kind)
    for number in numbers:
        if own := _number_pattern(clean(number)):
            text = _replace(text, _matches(own, text), "ID")
    text = _replace(text, [span for span in _tokens(text) if text[slice(*span)].lower() in everybodys], "ID")
    for kind, pattern in _PLACES:  # before names: streets are called after people
        text = _replace(text, _matches(pattern, text), kind)
    text = _replace(text, [*own_name_spans(text, clean(name)), *others_spans(text)], "NAME")
    for kind, pattern in _FOLDED:
        text = _replace(text, _matches(pattern, fold(text)), kind)
    for kind, mark in _MARKS.items():
        text = re.sub(rf"{mark}(?:[ ]*{mark})*", f"[{kind}]", text)
    return text


def scrub_notes(rows: pd.DataFrame, all_rows: pd.DataFrame) -> "pd.Series[str]":
    """Scrub the note of each row.

    Args:
        rows: `clinical_note, patient_name, patient_id, study_id`, the numbers cleaned.
        all_rows: `patient_id, study_id` of every row: their numbers are replaced in all notes, except those of up to
            four characters, which may be any number.

    Returns:
        Notes with the index of `rows`; "" where there is none or its encoding is a legacy one.
    """
    if rows.empty:
        return pd.Series(index=rows.index, dtype="str")
    numbers = pd.concat([all_rows["patient_id"], all_rows["study_id"]]).unique()
    everybodys = {
        number.lower() for number in numbers if len(number) > SHORTEST_NUMBER and any(map(str.isdigit, number))
    }
    columns = (rows[name] for name in ("clinical_note", "patient_name", "patient_id", "study_id"))
    legacy = rows["clinical_note"].map(is_legacy_encoded).astype(bool)
    if dropped := int(legacy.sum()):
        log.warning("%d notes in TCVN3 or VNI were dropped; export them in Unicode (UTF-8) to keep them", dropped)
    notes = [
        scrub_note(note, name, numbers, everybodys) if note.strip() and not is_dropped else ""
        for is_dropped, note, name, *numbers in zip(legacy, *columns, strict=True)
    ]
    return pd.Series(notes, rows.index, dtype="str")


def _number_pattern(number: str) -> re.Pattern[str] | None:
    """Return a pattern of a number with and without leading zeros and separators; None if the number is too short."""
    core = re.sub(r"[^0-9a-z]", "", fold(number).lower()).lstrip("0")
    full = re.sub(r"[^0-9a-z]", "", fold(number).lower())
    if not any(map(str.isdigit, full)) or len(full) < SHORTEST_NUMBER:
        return None
    wanted = core if len(core) >= SHORTEST_NUMBER else full
    characters = r"[\s./_-]?".join(map(re.escape, wanted))
    zeros = r"(?:0[\s./_-]?)*" if wanted is core else ""
    return re.compile(rf"(?<![0-9a-z]){zeros}{characters}(?![0-9a-z])", re.IGNORECASE)


def _tokens(text: str) -> list[Span]:
    return [found.span() for found in _TOKEN.finditer(text)]


def _matches(pattern: re.Pattern[str], text: str) -> list[Span]:
    group = "what" if "what" in pattern.groupindex else 0
    return [found.span(group) for found in pattern.finditer(text)]


def _replace(text: str, spans: Iterable[Span], kind: str) -> str:
    """Replace each span by the mark of a kind; overlapping spans become one."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            pieces += [text[end:start], _MARKS[kind]]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])
