"""Excel workbooks: the first sheet as text. Formulas are not evaluated, macros and links to files are left alone."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lung_cxr.imaging.emr.text_tables import MAX_CELLS, TableError, TextTable, cell_text, check_size, table_of_rows

DECLARATION = re.compile(rb"<\0?!\0?(D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")  # also in UTF-16
EXCELS_ROWS = 2**20
EXCELS_LARGEST = 10**15  # Excel keeps 15 digits of a number


def read_excel(path: Path) -> TextTable:
    """Read an `.xlsx`.

    Raises:
        TableError: It is larger, unpacked, than a table can be, or its XML declares entities, as none of Excel's does.
        Exception: Whatever openpyxl raises on broken files; `read_text_table` drops it.
    """
    import openpyxl  # slow to import

    _check_archive(path)
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some writers state wrong ones
        return table_of_rows(path.name, _rows(path.name, sheet))
    finally:
        book.close()


def _check_archive(path: Path) -> None:
    """Look at the archive before anything is parsed: it may unpack to far more than it is."""
    with zipfile.ZipFile(path) as archive:
        check_size(path.name, size=sum(member.file_size for member in archive.infolist()))
        for member in archive.infolist():
            if member.filename.endswith((".xml", ".rels")) and _declares(archive, member):
                raise TableError(
                    f"{path.name} declares entities in its XML; expected a workbook as Excel or LibreOffice write it: "
                    "open it there and save it again"
                )


def _declares(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    """A document type stands before the first element; nothing behind the first kilobytes can be one."""
    with archive.open(member) as file:
        return DECLARATION.search(file.read(2**16)) is not None


def _rows(name: str, sheet: "object") -> Iterator[list[str]]:
    """Yield rows as wide as the header; cells right of it are no columns."""
    width, cells = 0, 0
    for number, row in enumerate(sheet.iter_rows(values_only=True)):  # type: ignore[attr-defined]
        cells += len(row)  # a sheet may claim cells that are not there: they take time though no memory
        if number > EXCELS_ROWS or cells > MAX_CELLS:
            raise TableError(f"{name} has more rows or cells than Excel can hold; expected one row per image")
        texts = [cell_text(_as_shown(value)) for value in row[: width or None]]
        width = width or max((position for position, text in enumerate(texts, start=1) if text), default=0)
        yield (texts + [""] * width)[:width]


def _as_shown(value: object) -> object:
    """Return a number of more than 15 digits in scientific notation: Excel has replaced its last digits by 0."""
    return f"{value:.14E}" if isinstance(value, int | float) and abs(value) >= EXCELS_LARGEST else value
