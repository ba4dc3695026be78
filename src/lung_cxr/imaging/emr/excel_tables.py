"""Excel workbooks: the visible sheets as text. Formulas are not evaluated; macros and links to files are ignored."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from lung_cxr.imaging.emr.sheet_marks import SheetMarks, read_marks
from lung_cxr.imaging.emr.table_limits import TableError, TableSize
from lung_cxr.imaging.emr.text_tables import (
    UNREADABLE,
    Layout,
    TableFile,
    TextTable,
    clean_name,
    field_text,
    table_of_rows,
)

DECLARATION = re.compile(rb"<\0?!\0?(D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")  # also in UTF-16
LONGEST_DECLARATION = 32  # bytes, above the length of a match
ENCODING = re.compile(rb"encoding\s*=\s*[\"']([^\"']*)")
PLAIN_ENCODINGS = {b"utf-8", b"us-ascii", b"ascii", b"utf-16", b"iso-8859-1"}
BLOCK = 2**20  # bytes read at once
EXCEL_ROWS = 2**20  # rows of an Excel sheet
EXCEL_LARGEST = 10**15  # Excel keeps 15 digits of a number
OLD_EXCEL_BYTES = 2**26  # of an .xls file: a full sheet of 65,536 rows with 20 columns has half of it
# Words that name a sheet and no person.
SHEET_WORDS = "sheet bảng biểu tháng thang năm ngày tuần dữ liệu data table emr export page month year week note notes"
OTHER_WORDS = (
    "ghi chú readme legend code codes mã mục list lookup tổng hợp summary total pivot chart help info hidden old"
)
MONTHS = (
    "jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august september october"
)
GENERIC_WORDS = {*SHEET_WORDS.split(), *OTHER_WORDS.split(), *MONTHS.split(), "november", "december"}


class Sheet(NamedTuple):
    """One sheet of a workbook.

    Attributes:
        title: Name of the sheet.
        is_visible: False if the workbook hides it.
        rows: Rows of text.
        hidden_rows: Number of rows that the sheet hides, such as those of a filter; they are read.
    """

    title: str
    is_visible: bool
    rows: Iterator[Sequence[str]]
    hidden_rows: int


def read_excel(path: Path, name: str, layout: Layout) -> TableFile:
    """Read an `.xlsx` file: all visible sheets that have the header.

    Args:
        path: Workbook.
        name: Name of the file in errors.
        layout: Position of the header and the needed columns.

    Raises:
        TableError: It is larger, uncompressed, than a table can be, or its XML declares entities.
        Exception: Any error of openpyxl on a broken file; `tables.read_tables` replaces it.
    """
    import openpyxl  # slow to import

    size = TableSize(name)
    _check_archive(path, size)
    with (
        zipfile.ZipFile(path) as archive,
        closing(openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)) as book,
    ):
        sheets = []
        for sheet in book.worksheets:
            marks = read_marks(archive, sheet._worksheet_path)
            rows = _with_merged(_xlsx_rows(sheet, size, marks), marks.merged)
            sheets.append(Sheet(sheet.title, sheet.sheet_state == "visible", rows, marks.hidden_rows))
        return read_sheets(sheets, size, layout)


def read_old_excel(path: Path, name: str, layout: Layout) -> TableFile:
    """Read an `.xls` file (Excel 5 to 2003): all visible sheets that have the header.

    Args:
        path: Workbook.
        name: Name of the file in errors.
        layout: Position of the header and the needed columns.

    Raises:
        TableError: It is larger than a table can be.
        Exception: Any error of xlrd on a broken file; `tables.read_tables` replaces it.
    """
    import xlrd

    if path.stat().st_size > OLD_EXCEL_BYTES:
        raise TableError(
            f"{name} has more than {OLD_EXCEL_BYTES:,} bytes; expected a smaller .xls file: save it as .xlsx"
        )
    with xlrd.open_workbook(path, logfile=io.StringIO(), ragged_rows=True, formatting_info=True) as book:
        sheets = []
        for sheet in book.sheets():
            merged: dict[int, list[tuple[int, int]]] = {}
            for first, end, column, _ in sheet.merged_cells:
                merged.setdefault(first + 1, []).append((end, column))
            rows = _with_merged(_xls_rows(sheet, book.datemode), merged)
            hidden = sum(bool(row.hidden) for row in sheet.rowinfo_map.values())
            sheets.append(Sheet(sheet.name, sheet.visibility == 0, rows, hidden))
        return read_sheets(sheets, TableSize(name), layout)


def read_sheets(sheets: Sequence[Sheet], size: TableSize, layout: Layout) -> TableFile:
    """Read all visible sheets that have the header, and describe the others.

    If no visible sheet has the header, the first one with a value is returned: its column names explain the error.

    Args:
        sheets: All worksheets of the file in their order.
        size: Running size of the file.
        layout: Position of the header and the needed columns.
    """
    found: list[TextTable] = []
    others: list[TextTable] = []
    remarks: list[str] = []
    for number, sheet in enumerate(sheets, start=1):
        shown = sheet_name(number, sheet.title)
        if not sheet.is_visible:
            remarks.append(f"{shown} of {size.name} is hidden and was not read")
            continue
        table = table_of_rows(size, sheet.rows, layout)
        if table is None:
            continue
        if layout.is_header(table.header):
            found.append(table._replace(sheet=shown if len(sheets) > 1 else ""))
            if sheet.hidden_rows:
                remarks.append(f"{shown} of {size.name} hides {sheet.hidden_rows} rows; they were read")
        else:
            others.append(table)
            remarks.append(f"{shown} of {size.name} does not have the expected columns and was not read")
    return TableFile(found or others[:1], remarks)


def sheet_name(number: int, title: str) -> str:
    """Return `sheet 2 ("Notes")`; a title that could be a person's name is left out."""
    clean = clean_name(title)
    words = re.split(r"[\W\d_]+", clean.casefold().replace("trang tính", "sheet"))
    return f'sheet {number} ("{clean}")' if GENERIC_WORDS.issuperset(filter(None, words)) else f"sheet {number}"


def _check_archive(path: Path, size: TableSize) -> None:
    """Check the archive before openpyxl parses it: it may expand to far more than its own size."""
    with zipfile.ZipFile(path) as archive:
        size.check(size=sum(member.file_size for member in archive.infolist()))
        for member in archive.infolist():
            if member.filename.endswith((".xml", ".rels")) and not _is_plain_xml(archive, member):
                raise TableError(
                    f"{size.name} declares entities in its XML, or an unusual encoding; expected a workbook as Excel "
                    "or LibreOffice write it: open it there and save it again"
                )


def _is_plain_xml(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """Search the whole file: a comment of any length may precede a document type."""
    last = b""
    with archive.open(member) as file:
        while block := file.read(BLOCK):
            encoding = None if last else ENCODING.search(block[:200].replace(b"\0", b""))
            if DECLARATION.search(last + block) or (encoding and encoding[1].lower() not in PLAIN_ENCODINGS):
                return False
            last = block[-LONGEST_DECLARATION:]
    return True


def _xlsx_rows(sheet: Any, size: TableSize, marks: SheetMarks) -> Iterator[list[str]]:
    """Yield the rows of an openpyxl sheet; it may claim rows and cells that it does not have."""
    sheet.reset_dimensions()  # some writers state wrong ones
    claimed = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        claimed += len(row)
        size.check(fields=claimed)
        if number > EXCEL_ROWS:
            raise TableError(f"{size.name} has more rows than Excel can hold; expected one row per image")
        fields = [field_text(_as_shown(value)) for value in row]
        for column in marks.without_value.get(number, ()):
            fields[column] = UNREADABLE
        yield fields


def _with_merged(rows: Iterator[list[str]], merged: Mapping[int, list[tuple[int, int]]]) -> Iterator[Sequence[str]]:
    """Yield rows without their empty end, in which every row of a merged cell has its value.

    Args:
        rows: Rows of a sheet.
        merged: First row (1 is the sheet's first) → last row and column (0 is the first) of its merged cells.
    """
    shown: dict[int, tuple[int, str]] = {}  # column → last row and value
    for number, row in enumerate(rows, start=1):
        for column, (last, value) in list(shown.items()):
            row.extend([""] * (column + 1 - len(row)))
            row[column] = value
            if last == number:
                del shown[column]
        shown |= {column: (last, row[column]) for last, column in merged.get(number, ()) if column < len(row)}
        yield _without_empty_end(row)


def _xls_rows(sheet: Any, datemode: int) -> Iterator[list[str]]:
    """Yield the rows of an xlrd sheet."""
    for number in range(sheet.nrows):
        yield [_xls_text(cell, datemode) for cell in sheet.row(number)]


def _xls_text(cell: Any, datemode: int) -> str:
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        return field_text(xlrd.xldate.xldate_as_datetime(cell.value, datemode))
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, ""))
    return field_text(bool(cell.value) if cell.ctype == xlrd.XL_CELL_BOOLEAN else _as_shown(cell.value))


def _without_empty_end(row: list[str]) -> list[str]:
    while row and not row[-1]:
        row.pop()
    return row


def _as_shown(value: object) -> object:
    """Return a number of more than 15 digits in scientific notation: Excel has replaced its last digits by 0."""
    return f"{value:.14E}" if isinstance(value, int | float) and abs(value) >= EXCEL_LARGEST else value
