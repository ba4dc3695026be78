"""Clinical notes without the patient: names, numbers, dates and places become [NAME], [ID], [DATE] … (DESIGN §6).

Pattern and name matching in Vietnamese and English. It finds the row's own name and numbers in every spelling, the
numbers of every other patient of the exports, and whatever looks like a date, telephone, address, e-mail or card. It
cannot promise that free text names nobody else: a third person's first name in lower case stays.
"""

import re
from collections.abc import Collection, Iterable

import pandas as pd

from lung_cxr.imaging.deidentify.note_names import Span, clean, fold, others_spans, own_name_spans
from lung_cxr.imaging.deidentify.note_patterns import FOLDED, PLACES, WEB, compiled

KINDS = ("NAME", "DATE", "PHONE", "EMAIL", "URL", "ADDRESS", "ID")
SHORTEST_NUMBER = (
    4  # digits: a patient number of three could be any measurement; after "mã BN" or "MRN" it goes all the same
)
_MARKS = {kind: chr(0xE000 + position) for position, kind in enumerate(KINDS)}  # private use: no pattern matches them
_WEB, _PLACES = compiled(WEB), compiled(PLACES)
_FOLDED = compiled(FOLDED, re.IGNORECASE)
_TOKEN = re.compile(r"[^\W_][\w./-]*[^\W_]")


def scrub_note(note: str, name: str, numbers: Iterable[str], everybodys: Collection[str]) -> str:
    """Return a note with placeholders for all that identifies.

    Args:
        note: Free text.
        name: The patient's, "" where nobody wrote it down.
        numbers: The row's own: patient and study number, "" is skipped.
        everybodys: Lower-case numbers of all rows: replaced where they stand as they are.
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
        all_rows: `patient_id, study_id` of every row: no note may hold another's either, but numbers of up to four
            characters, which may be anything.

    Returns:
        Notes under the index of `rows`; "" where there was none.
    """
    numbers = pd.concat([all_rows["patient_id"], all_rows["study_id"]]).unique()
    everybodys = {
        number.lower() for number in numbers if len(number) > SHORTEST_NUMBER and any(map(str.isdigit, number))
    }
    columns = (rows[name] for name in ("clinical_note", "patient_name", "patient_id", "study_id"))
    notes = [
        scrub_note(note, name, numbers, everybodys) if note.strip() else ""
        for note, name, *numbers in zip(*columns, strict=True)
    ]
    return pd.Series(notes, rows.index, dtype="str")


def _number_pattern(number: str) -> re.Pattern[str] | None:
    """A number with and without leading zeros, its characters apart or together; None where it is too short to tell."""
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
    """Put the mark of a kind in the place of each span; overlapping ones become one."""
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            pieces += [text[end:start], _MARKS[kind]]
        end = max(end, stop)
    return "".join([*pieces, text[end:]])
