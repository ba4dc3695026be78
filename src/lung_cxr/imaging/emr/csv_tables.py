"""CSV as hospitals write it: any of four separators, and encodings that change from file to file or line to line."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path

from lung_cxr.imaging.emr.text_tables import MAX_CELL, UNREADABLE, TableError, TextTable, check_size, table_of_rows

SEPARATORS = ",;\t|"
WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}  # Excel's "Unicode text"


def read_csv(path: Path) -> TextTable:
    """Read a CSV.

    Args:
        path: UTF-8 (with or without BOM), cp1258 (Vietnamese Windows), lines of both, or UTF-16 with BOM; , ; tab or |
            between cells.

    Raises:
        TableError: A stray quote, or more than a table can hold.
    """
    check_size(path.name, size=path.stat().st_size)
    lines = _lines(path.read_bytes())
    first_line = next((line for line in lines if line.strip()), "")
    separator = max(SEPARATORS, key=first_line.count)
    return table_of_rows(path.name, _rows(path.name, lines, separator), separator)


def _lines(content: bytes) -> list[str]:
    """Decode line by line: tables that were put together from several systems' mix encodings."""
    for mark, encoding in WIDE.items():
        if content.startswith(mark):
            text = content[len(mark) :].decode(encoding, "replace").replace("\ufffd", UNREADABLE)
            return [line.decode() for line in text.encode().splitlines(keepends=True)]  # ends as in bytes: CR, LF only
    return [_decoded(line) for line in content.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)]


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "cp1258"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("cp1258", "replace").replace("\ufffd", UNREADABLE)


def _rows(name: str, lines: list[str], separator: str) -> Iterator[list[str]]:
    """Yield rows; a quote that is not closed is an error, since all rows up to the next quote would go with it."""
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            yield row
            begins = reader.line_num + 1
    except csv.Error as error:  # its message quotes nothing, but does not say where either
        if "field larger" in str(error):
            raise TableError(
                f"{name} has a cell of more than {MAX_CELL:,} characters in the row that begins in line {begins}; "
                "expected a table with a row per image: export it anew"
            ) from None
        raise TableError(
            f"{name} has a stray quote in the row that begins in line {begins}; expected a cell that "
            "holds a quote to be quoted as a whole, its own quotes doubled: mend the line, or export the table anew"
        ) from None
