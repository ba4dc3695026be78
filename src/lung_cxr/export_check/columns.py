"""Describe the columns of EMR tables without a value: how many fields are filled and understood, and their shapes."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from lung_cxr.imaging.emr.code_fields import read_codes
from lung_cxr.imaging.emr.dates_and_ages import parse_ages, parse_dates
from lung_cxr.imaging.emr.export_tables import TableFacts
from lung_cxr.imaging.emr.identifiers import (
    is_malformed,
    is_malformed_patient,
    normalise_identifier,
    without_missing_words,
)
from lung_cxr.imaging.emr.parsers import translate
from lung_cxr.parameters import EmrParameters, LogicalColumn

SHAPES = 2  # most frequent shapes of a column that are shown
LONGEST_SHAPE = 32  # characters
NOT_SHOWN = ("clinical_note",)  # the punctuation of a long text is a fingerprint


def shape(value: str) -> str:
    """Return a value with 9 for each digit, A or a for each letter; other characters stay.

    Args:
        value: Text; its shape is cut after `LONGEST_SHAPE` characters.
    """
    text = unicodedata.normalize("NFC", value[: 4 * LONGEST_SHAPE]).strip()
    found = "".join(_shape_of(character) for character in text)
    return found if len(found) <= LONGEST_SHAPE else f"{found[:LONGEST_SHAPE]}…"


def _shape_of(character: str) -> str:
    if character.isdigit():
        return "9"
    if character.isalpha():
        return "A" if character.isupper() else "a"
    return character if character.isascii() and character.isprintable() else "?"


def describe_tables(rows: pd.DataFrame, facts: Sequence[TableFacts], emr: EmrParameters) -> list[dict[str, Any]]:
    """Return the tables of one export with their columns.

    Args:
        rows: Rows of the export, from `read_export_tables`, with `exam_day_reason` of `date_rows` (NaN: withdrawn).
        facts: Facts of its tables.
        emr: Words and formats of the hospital's tables.

    Returns:
        For each table the values of `TableFacts` and `columns`: `column` (logical), `name` in the table, number of
        values that are `filled` and `understood` (None for text that is not parsed), `shapes`.
    """
    described = []
    for table in facts:
        own = rows[rows["table"] == table.number]
        columns = [
            {"column": column, "name": name, **_describe(column, own, emr)} for column, name in table.columns.items()
        ]
        described.append({**table._asdict(), "columns": columns})
    return described


def _describe(column: LogicalColumn, rows: pd.DataFrame, emr: EmrParameters) -> dict[str, Any]:
    filled = without_missing_words(rows[column])
    filled = filled[filled.str.strip() != ""]
    understood = _understood(column, filled, rows.loc[filled.index, "exam_day_reason"], emr)
    return {
        "filled": len(filled),
        "understood": None if understood is None else int(understood.sum()),
        "shapes": [] if column in NOT_SHOWN else _shapes(filled),
    }


def _shapes(text: "pd.Series[str]") -> list[str]:
    counts = text.value_counts()
    found = counts.groupby([shape(value) for value in counts.index]).sum().sort_values(ascending=False, kind="stable")
    return [str(name) for name in found.index[:SHAPES]]


def _understood(
    column: LogicalColumn, text: "pd.Series[str]", exam_day_reason: "pd.Series[str]", emr: EmrParameters
) -> "pd.Series[bool] | None":
    """Return whether each value is understood, by the functions of ingestion; None for a column that is not parsed."""
    words: Mapping[LogicalColumn, Mapping[str, Sequence[str]]] = {"view": emr.views, "sex": emr.sexes}
    each: Mapping[LogicalColumn, Callable[[str], bool]] = {
        "patient_id": lambda value: not is_malformed_patient(normalise_identifier(value)),
        "study_id": lambda value: not is_malformed(normalise_identifier(value)),
        "icd10_primary": lambda value: read_codes(value) is not None,
        "icd10_secondary": lambda value: read_codes(value) is not None,
    }
    if column == "exam_date":
        return ~exam_day_reason.isin(["ambiguous", "not_understood"])
    if column == "birth_date":
        return parse_dates(text, emr.date_format).years.notna()
    if column == "age":
        return parse_ages(text).notna()
    if column in words:
        return translate(text, words[column]) != "unknown"
    if column in each:
        return text.map({value: each[column](value) for value in text.unique()}).astype(bool)
    return None
