"""Marks in the XML of an Excel sheet that openpyxl's streaming reader drops: merged cells, hidden rows, lost values.

A merged cell shows one value in all of its rows, but only the first row holds it. A formula that a program other than
Excel has written holds no value until Excel computes it.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

BLOCK = 2**20  # bytes read at once
LONGEST = 2**16  # bytes, above the length of a cell with a formula (8,192 characters)
MARK = re.compile(
    rb'<(?:\w+:)?(?:mergeCell\s[^>]*?ref="(?P<merged>[A-Z]+\d+:[A-Z]+\d+)"|row\s[^>]*?hidden="(?P<hidden>1|true)"'
    rb"|c\s(?P<cell>[^>]*)>\s*<(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)\s*"  # a cell with a formula …
    rb"(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>)"  # … but without a value
)
PLACE = re.compile(rb"([A-Z]+)(\d+)")


class SheetMarks(NamedTuple):
    """Marks of one sheet.

    Attributes:
        merged: Last row and column (0 for A) of cells that are merged over several rows, by their first row.
        without_value: Columns of formulas without a value, by their row.
        hidden_rows: Number of hidden rows.
    """

    merged: dict[int, list[tuple[int, int]]]
    without_value: dict[int, list[int]]
    hidden_rows: int


def read_marks(archive: zipfile.ZipFile, member: str) -> SheetMarks:
    """Read the marks of a sheet.

    Args:
        archive: Workbook.
        member: Path of the sheet in the archive.
    """
    merged, without_value, hidden = defaultdict(list), defaultdict(list), 0
    for found in _search(archive, member):
        hidden += found["hidden"] is not None
        if found["merged"]:
            (first, column), (last, _) = map(_place, found["merged"].split(b":"))
            if last > first:
                merged[first].append((last, column))
        elif found["cell"] and b't="str"' not in found["cell"]:  # Excel stores an empty text so
            row, column = _place(found["cell"])
            without_value[row].append(column)
    return SheetMarks(merged, without_value, hidden)


def _search(archive: zipfile.ZipFile, member: str) -> Iterator["re.Match[bytes]"]:
    rest = b""
    with archive.open(member) as file:
        while True:
            block = file.read(BLOCK)
            text = rest + block
            end = len(text) - LONGEST if block else len(text)
            yield from (found for found in MARK.finditer(text) if found.start() < end)
            if not block:
                return
            rest = text[max(0, end) :]


def _place(reference: bytes) -> tuple[int, int]:
    """Return row and column of the first reference such as D2 in a text: (2, 3)."""
    found = PLACE.search(reference)
    assert found is not None
    column = 0
    for letter in found[1]:
        column = 26 * column + letter - ord("A") + 1
    return int(found[2]), column - 1
