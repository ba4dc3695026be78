"""Tables of text: the common result of all readers of EMR tables."""

import datetime
import decimal
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

import pandas as pd

from lung_cxr.imaging.emr.parsers import clean_text
from lung_cxr.imaging.emr.table_limits import TableSize

MAX_EXACT_FLOAT = 2.0**53  # above it, a float (IEEE 754 binary64) does not hold every whole number
UNREADABLE = "\U0010ffff"  # in place of bytes that cannot be decoded: never a character (Unicode 23.7)
SEARCHED_ROWS = 50  # from the first row with a value: titles above the header are shorter
CHUNK = 2**16  # rows that become columns at once
TOTAL = re.compile(r"(tổng|cộng|(grand |sub)?totals?\b|sum\b)", re.IGNORECASE)  # first field of a total row


class Layout(NamedTuple):
    """The position of the header and the columns that are read.

    Attributes:
        header_row: Number of the header row in the file, 1 for the first; None: the first row for which `is_header` is
            True, or, if there is none, the first row with a value.
        is_header: Whether a row of cleaned names holds the required columns.
        is_needed: Whether the column of a cleaned name is read; the others take no memory.
    """

    header_row: int | None
    is_header: Callable[[Sequence[str]], bool]
    is_needed: Callable[[str], bool]


FIRST_ROW = Layout(None, any, lambda _: True)


class TextTable(NamedTuple):
    """A table of text.

    Attributes:
        fields: One str column per needed column of the file, "" for an empty field; index: row number, 1 is the first
            row below the header.
        malformed: Numbers of rows with another number of fields than the header, with bytes that cannot be decoded, or
            with rows swallowed by a stray quote (CSV only); their fields are "".
        header: Cleaned names of all columns of the file.
        left_out: Number of rows that hold totals or repeat the header.
        sheet: Description of the sheet in a workbook with several sheets, else "".
    """

    fields: pd.DataFrame
    malformed: list[int]
    header: list[str]
    left_out: int = 0
    sheet: str = ""


class TableFile(NamedTuple):
    """All tables of a file.

    Attributes:
        tables: One per sheet that was read.
        remarks: Sentences about sheets with values that were not read, with the reason, and about hidden rows.
    """

    tables: list[TextTable]
    remarks: list[str]


def field_text(value: Any) -> str:
    """Return a value as the hospital sees it: no ".0" after whole numbers, dates as ISO, "" for a missing value.

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


def clean_name(name: str) -> str:
    """Return the name of a column in NFKC, without invisible characters, with single blanks."""
    return " ".join(clean_text(name).split())


def table_of_rows(
    size: TableSize, rows: Iterable[Sequence[str]], layout: Layout, separator: str | None = None
) -> TextTable | None:
    """Find the header of a table and collect the needed columns of the rows below it.

    Empty rows are left out but counted, so that row numbers agree with the file.

    Args:
        size: Running size of the file.
        rows: All rows of the file or sheet from its beginning, empty ones included.
        layout: Position of the header and the needed columns.
        separator: Separator of a CSV, which shows rows that a stray quote has swallowed; None: rows of a sheet, which
            are as wide as their last value.

    Returns:
        The table, None without any value.

    Raises:
        TableError: The file is larger than a table can be.
    """
    header, below = _split_at_header(_counted(rows, size), layout)
    if not header:
        return None
    size.check(columns=len(header), header=sum(map(len, header)))
    names, repeated = [clean_name(name) for name in header], list(header)
    needed = [position for position, name in enumerate(names) if layout.is_needed(name)]
    columns, numbers, malformed = _Columns([names[position] for position in needed]), [], []
    totals: list[tuple[int, Sequence[str]]] = []  # rows that may be totals: they are if no other row follows
    left_out = 0
    for number, row in enumerate(below, start=1):
        if _is_empty(row):
            continue
        if separator is None:
            row = [*row, *[""] * (len(names) - len(row))][: len(names)]  # noqa: PLW2901
        if list(row) == repeated:
            left_out += 1
            continue
        totals.append((number, row))
        if _is_total(row, len(names)):
            continue
        for waiting, fields in totals:
            is_sound = len(fields) == len(names) and not any(UNREADABLE in field for field in fields)
            is_sound = is_sound and not (separator and _swallowed_rows(fields, separator))
            columns.append([fields[position] for position in needed] if is_sound else [""] * len(needed))
            numbers.append(waiting)
            malformed += [] if is_sound else [waiting]
        totals.clear()
    return TextTable(columns.frame(numbers), malformed, names, left_out + len(totals))


def _counted(rows: Iterable[Sequence[str]], size: TableSize) -> Iterator[Sequence[str]]:
    for row in rows:
        size.add_row(row)
        yield row


def _split_at_header(rows: Iterator[Sequence[str]], layout: Layout) -> tuple[Sequence[str], Iterator[Sequence[str]]]:
    """Return the header (empty without any value) and the rows below it."""
    if layout.header_row is not None:
        header = next(islice(rows, layout.header_row - 1, None), [])
        return (header if not _is_empty(header) else []), rows
    first = next((row for row in rows if not _is_empty(row)), [])
    head = [first, *islice(rows, SEARCHED_ROWS - 1)]
    found = next((n for n, row in enumerate(head) if layout.is_header([clean_name(name) for name in row])), 0)
    return head[found], chain(head[found + 1 :], rows)


class _Columns:
    """Rows on their way to columns: `CHUNK` rows at once are lists, the others take a column's memory."""

    def __init__(self, names: list[str]):
        self._names = pd.Index(names, dtype="str")
        self._rows: list[list[str]] = []
        self._chunks: list[pd.DataFrame] = []

    def append(self, row: list[str]) -> None:
        self._rows.append(row)
        if len(self._rows) == CHUNK:
            self._close_chunk()

    def frame(self, numbers: list[int]) -> pd.DataFrame:
        self._close_chunk()
        return pd.concat(self._chunks, ignore_index=True).set_axis(pd.Index(numbers, dtype="int64"))

    def _close_chunk(self) -> None:
        self._chunks.append(pd.DataFrame(self._rows, columns=self._names, dtype="str"))
        self._rows = []


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _swallowed_rows(row: Sequence[str], separator: str) -> bool:
    """Return True if a field looks like the rows between two stray quotes: a second line with a row's separators.

    The quotes cut the first and the last of the swallowed rows, so one separator may be missing.
    """
    wanted = max(len(row) - 2, 2)
    return any(part.count(separator) >= wanted for field in row if "\n" in field for part in field.split("\n")[1:])


def _is_total(row: Sequence[str], columns: int) -> bool:
    """Return True if the first value is a word for a total and most fields are empty."""
    values = [field for field in row if field.strip()]
    return len(values) <= max(2, columns // 2) and TOTAL.match(clean_name(values[0])) is not None


def _is_empty(row: Sequence[str]) -> bool:
    return not any(field.strip() for field in row)
