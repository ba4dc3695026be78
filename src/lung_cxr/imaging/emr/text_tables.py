"""Tables of text: what every reader of an EMR table makes, and how much of a file is still a table."""

import datetime
import decimal
import math
from collections.abc import Iterable, Sequence
from itertools import dropwhile
from typing import Any, NamedTuple

import pandas as pd

MAX_BYTES = 2**29  # of a file, unpacked: ten million rows without notes; larger ones would not fit into memory as text
MAX_ROWS = 10_000_000  # ten times what Excel can hold
MAX_COLUMNS = 16_384  # what Excel can hold
MAX_CELLS = 100_000_000
MAX_CELL = 10_000_000  # characters: a note may be long
MAX_EXACT_FLOAT = 2.0**53  # above it, a float (IEEE 754 binary64) does not hold every whole number
UNREADABLE = "\U0010ffff"  # in place of bytes that are no text: never a character (Unicode 23.7)


class TableError(Exception):
    """An EMR table cannot be used; the message says what was found, what was expected, what to do."""


class TextTable(NamedTuple):
    """A table of text.

    Attributes:
        cells: One str column per column of the file, "" for an empty cell; index: row number, 1 below the header.
        malformed: Numbers of rows with another number of cells than the header, with bytes that are no text, or with
            rows swallowed by a stray quote (CSV only); their cells are "".
    """

    cells: pd.DataFrame
    malformed: list[int]


def cell_text(value: Any) -> str:
    """Return a field as the hospital sees it: no ".0" after whole numbers, dates as ISO, nothing as "".

    A float from 2^53 on has lost digits of a long number: it stays in scientific notation, which no identifier has.
    """
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isfinite(value) and abs(value) >= MAX_EXACT_FLOAT:
        return f"{value:.15E}"
    if isinstance(value, float | decimal.Decimal) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, datetime.datetime):  # pd.Timestamp too
        at_midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if at_midnight else value.isoformat(sep=" ")
    if isinstance(value, bytes):
        return _text_of_bytes(value)
    return str(value)


def table_of_rows(name: str, rows: Iterable[Sequence[str]], separator: str | None = None) -> TextTable:
    """Header and rows → table; wholly empty rows are left out but counted, so that numbers match the file.

    Args:
        name: The file's, for errors.
        rows: As they come, blank ones above the header too.
        separator: Between the cells of a CSV: shows rows that a quote has swallowed.

    Raises:
        TableError: There is no header, or more than a table can hold.
    """
    lines = iter(dropwhile(_is_blank, rows))
    header = [column.strip() for column in next(lines, [])]
    if not header:
        raise TableError(f"{name} is empty; expected a header row and one row per image")
    check_size(name, columns=len(header))
    kept: list[Sequence[str]] = []
    numbers, malformed, size = [], [], 0
    for number, line in enumerate(lines, start=1):
        if _is_blank(line):
            continue
        size += sum(map(len, line))
        check_size(name, size, len(kept), len(header))
        numbers.append(number)
        if len(line) == len(header) and _is_sound(line) and not (separator and _swallowed_rows(line, separator)):
            kept.append(line)
        else:
            malformed.append(number)
            kept.append([""] * len(header))
    return TextTable(pd.DataFrame(kept, columns=pd.Index(header), index=numbers, dtype="str"), malformed)


def check_size(name: str, size: int = 0, rows: int = 0, columns: int = 0) -> None:
    """Raise TableError where a table is larger than any that a hospital would mean.

    Args:
        name: The file's, for errors.
        size: Bytes, unpacked.
        rows: Of the table.
        columns: Of the table.
    """
    limits = (
        (size, MAX_BYTES, "bytes, unpacked"),
        (rows, MAX_ROWS, "rows"),
        (columns, MAX_COLUMNS, "columns"),
        (rows * columns, MAX_CELLS, "cells"),
    )
    for found, most, what in limits:
        if found > most:
            raise TableError(
                f"{name} has {found:,} {what}; expected at most {most:,}: export only the columns that are mapped in "
                "emr.columns, or divide the export into several"
            )


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _is_sound(line: Sequence[str]) -> bool:
    return not any(UNREADABLE in cell for cell in line)


def _swallowed_rows(line: Sequence[str], separator: str) -> bool:
    """Whether a cell looks like the rows between two stray quotes: a further line with a row's separators in it.

    The first and the last of the swallowed rows are cut by the quotes, so one separator may be missing.
    """
    wanted = max(len(line) - 2, 2)
    return any(part.count(separator) >= wanted for cell in line if "\n" in cell for part in cell.split("\n")[1:])


def _is_blank(line: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in line)
