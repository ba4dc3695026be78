"""EMR tables (CSV, Excel, Parquet) read as text: "00123" stays "00123", and one patient is one text in all three.

Nothing here quotes a cell or an unknown column name in an error: a table without a header has a patient in that place.
"""

import csv
import datetime
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

SEPARATORS = ",;\t|"


class TableError(Exception):
    """An EMR table cannot be used; the message says what was found, what was expected, what to do."""


class TextTable(NamedTuple):
    """A table of text.

    Attributes:
        cells: One str column per column of the file, "" for an empty cell; index: row number, 1 below the header.
        malformed: Numbers of rows with another number of cells than the header, or with rows swallowed by a stray
            quote (CSV only); their cells are "".
    """

    cells: pd.DataFrame
    malformed: list[int]


def read_text_table(path: Path) -> TextTable:
    """Read `.csv`, `.xlsx` or `.parquet` as text.

    Args:
        path: CSV may be UTF-8 (with or without BOM) or cp1258 (Vietnamese Windows), with , ; tab or | between cells.

    Raises:
        TableError: The file cannot be read, or its kind is unknown.
    """
    readers = {".csv": _read_csv, ".xlsx": _read_excel, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise TableError(f"{path.name} is of unknown kind; expected one of {', '.join(readers)} in emr.tables")
    try:
        return readers[path.suffix.lower()](path)
    except TableError:
        raise
    except Exception as error:  # the readers' own messages quote cells
        raise TableError(
            f"{path.name} cannot be read ({type(error).__name__}); expected a {path.suffix} table with a header row: "
            "open it, save it again, and check that the export was complete"
        ) from None


def cell_text(value: Any) -> str:
    """Return a cell as the hospital sees it: no ".0" after whole numbers, dates as ISO, nothing as ""."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime):  # pd.Timestamp too
        at_midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date().isoformat() if at_midnight else value.isoformat(sep=" ")
    if isinstance(value, bytes):
        return value.decode()
    return str(value)


def _read_csv(path: Path) -> TextTable:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1258")
    first_line = text.lstrip().partition("\n")[0]
    separator = max(SEPARATORS, key=first_line.count)
    return _table(path, _csv_rows(path, text, separator), separator)


def _csv_rows(path: Path, text: str, separator: str) -> Iterator[list[str]]:
    """Yield rows; a quote that is not closed is an error, since all rows up to the next quote would go with it."""
    csv.field_size_limit(10_000_000)  # a note may be long
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            yield row
            begins = reader.line_num + 1
    except csv.Error:  # its message quotes nothing, but says nothing of where the quote stands either
        raise TableError(
            f"{path.name} has a stray quote in the row that begins in line {begins}; expected a cell that "
            "holds a quote to be quoted as a whole, its own quotes doubled: mend the line, or export the table anew"
        ) from None


def _read_excel(path: Path) -> TextTable:
    import openpyxl  # slow to import

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some writers state wrong ones
        rows = [[cell_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
    finally:
        book.close()
    rows = list(dropwhile(_is_blank, rows))
    width = max((_used(row) for row in rows[:1]), default=0)  # cells right of the header are no columns
    return _table(path, [(row + [""] * width)[:width] for row in rows])


def _read_parquet(path: Path) -> TextTable:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    columns = {name: [cell_text(value) for value in table[name].to_pylist()] for name in table.column_names}
    cells = pd.DataFrame(columns, dtype="str")
    cells.index = pd.RangeIndex(1, len(cells) + 1)
    return TextTable(cells, [])


def _table(path: Path, rows: Iterable[Sequence[str]], separator: str | None = None) -> TextTable:
    """Header and rows → table; wholly empty rows are left out but counted, so that numbers match the file."""
    lines = iter(dropwhile(_is_blank, rows))
    header = [name.strip() for name in next(lines, [])]
    if not header:
        raise TableError(f"{path.name} is empty; expected a header row and one row per image")
    kept, numbers, malformed = [], [], []
    for number, line in enumerate(lines, start=1):
        if _is_blank(line):
            continue
        numbers.append(number)
        if len(line) == len(header) and not (separator and _swallowed_rows(line, separator)):
            kept.append(line)
        else:
            malformed.append(number)
            kept.append([""] * len(header))
    return TextTable(pd.DataFrame(kept, columns=pd.Index(header), index=numbers, dtype="str"), malformed)


def _swallowed_rows(line: Sequence[str], separator: str) -> bool:
    """Whether a cell looks like the rows between two stray quotes: a further line with a row's separators in it.

    The first and the last of the swallowed rows are cut by the quotes, so one separator may be missing.
    """
    wanted = max(len(line) - 2, 2)
    return any(part.count(separator) >= wanted for cell in line if "\n" in cell for part in cell.split("\n")[1:])


def _is_blank(line: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in line)


def _used(row: Sequence[str]) -> int:
    """Number of cells up to the last that is not empty."""
    return max((position for position, cell in enumerate(row, start=1) if cell), default=0)
