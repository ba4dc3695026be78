"""CSV as hospitals write it: one of four separators, and encodings that change between files or lines."""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from lung_cxr.imaging.emr.table_limits import MAX_FIELD, MAX_HEADER, TableError, TableSize
from lung_cxr.imaging.emr.text_tables import SEARCHED_ROWS, UNREADABLE, Layout, TableFile, clean_name, table_of_rows

SEPARATORS = ",;\t|"
SEPARATOR_LINE = re.compile(r"\"?sep=(.)\"?[\r\n]*", re.IGNORECASE)  # a hint for Excel above the header
WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}  # Excel's "Unicode text"
BLOCK = 2**20  # bytes read at once
MAX_LINE = 4 * MAX_FIELD  # bytes: UTF-8 needs up to four for a character


def read_csv(path: Path, name: str, layout: Layout) -> TableFile:
    """Read a CSV file line by line.

    Args:
        path: File in UTF-8 (with or without BOM), cp1258 (Vietnamese Windows), lines of both, or UTF-16 with BOM, with
            comma, semicolon, tab or | between fields; a first line `sep=;` states the separator.
        name: Name of the file in errors.
        layout: Position of the header and the needed columns.

    Raises:
        TableError: The file has a stray quote, or is larger than a table can be.
    """
    size = TableSize(name)
    size.check(size=path.stat().st_size)
    with path.open("rb") as file:
        lines = _lines(file, name)
        head = _head(lines)
        if head and (stated := SEPARATOR_LINE.fullmatch(head[0])):
            head = head[1:]
            separator = _stated_separator(name, stated[1])
        else:
            separator = _find_separator(head, layout)
        table = table_of_rows(size, _rows(name, chain(head, lines), separator), layout, separator)
    return TableFile([] if table is None else [table], [])


def _head(lines: Iterator[str]) -> list[str]:
    """Return the lines in which the header must be: leading empty lines and the next `SEARCHED_ROWS` lines."""
    head: list[str] = []
    with_text = characters = 0
    for line in lines:
        head.append(line)
        with_text += bool(with_text or line.strip())
        characters += len(line)
        if with_text >= SEARCHED_ROWS or characters > MAX_HEADER:
            break
    return head


def _stated_separator(name: str, separator: str) -> str:
    if separator not in SEPARATORS:
        raise TableError(
            f"{name} begins with a line sep=… that states another separator than , ; tab or |; expected one of these: "
            "export the table again"
        )
    return separator


def _find_separator(head: list[str], layout: Layout) -> str:
    """Return the separator with which one of the first lines is the header, else the first line's most frequent one."""
    first_line = next((line for line in head if line.strip()), "")
    candidates = sorted(SEPARATORS, key=first_line.count, reverse=True)
    stated = head[layout.header_row - 1 :][:1] if layout.header_row is not None else head

    def has_header(separator: str) -> bool:
        return any(layout.is_header([clean_name(field) for field in row]) for row in _parsed(stated, separator))

    return next(filter(has_header, candidates), candidates[0])


def _parsed(lines: list[str], separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(lines, delimiter=separator)
    except csv.Error:
        return


def _lines(file: BinaryIO, name: str) -> Iterator[str]:
    """Yield decoded lines with their ends (CR, LF or both); each line by itself, since some files mix encodings."""
    rest = b""
    for block in _blocks(file):
        lines = (rest + block).splitlines(keepends=True)
        rest = lines.pop()
        if len(rest) > MAX_LINE:
            raise TableError(
                f"{name} has a line of more than {MAX_LINE:,} bytes; expected a table with one row per image: check "
                "that it is a CSV file, and export it again"
            )
        yield from map(_decoded, lines)
    yield from map(_decoded, rest.splitlines(keepends=True))


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file in non-empty blocks without its byte order mark; UTF-16 becomes UTF-8."""
    block = file.read(BLOCK)
    encoding = next((name for mark, name in WIDE.items() if block.startswith(mark)), None)
    if encoding is None:
        block = block.removeprefix(codecs.BOM_UTF8)
        while block:
            yield block
            block = file.read(BLOCK)
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    block = block[2:]
    while True:
        if text := decoder.decode(block, final=not block):
            yield text.replace("\ufffd", UNREADABLE).encode()
        if not block:
            return
        block = file.read(BLOCK)


def _decoded(line: bytes) -> str:
    for encoding in ("utf-8", "cp1258"):
        try:
            return line.decode(encoding)
        except UnicodeDecodeError:
            continue
    return line.decode("cp1258", "replace").replace("\ufffd", UNREADABLE)


def _rows(name: str, lines: Iterable[str], separator: str) -> Iterator[list[str]]:
    """Yield rows; a quote that is not closed is an error, since it would swallow all rows up to the next quote."""
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    begins = 1
    try:
        for row in reader:
            yield row
            begins = reader.line_num + 1
    except csv.Error as error:  # its message quotes no value, but does not say where either
        if "field larger" in str(error):
            raise TableError(
                f"{name} has a field of more than {MAX_FIELD:,} characters in the row that begins in line {begins}; "
                "expected a table with one row per image: export it again"
            ) from None
        raise TableError(
            f"{name} has a stray quote in the row that begins in line {begins}; expected a field that holds a quote to "
            "be enclosed in quotes, its own quotes doubled: correct the line, or export the table again"
        ) from None
