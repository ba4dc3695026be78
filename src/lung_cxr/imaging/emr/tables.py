"""EMR tables (CSV, Excel, Parquet) as text: "00123" stays "00123", and a patient number is one text in all formats.

No error quotes a value or an unknown column name: in a table without a header a patient takes the header's place.
"""

import warnings
from pathlib import Path

from lung_cxr.imaging.emr.csv_tables import read_csv
from lung_cxr.imaging.emr.excel_tables import read_excel, read_old_excel
from lung_cxr.imaging.emr.parquet_tables import read_parquet
from lung_cxr.imaging.emr.table_limits import TableError
from lung_cxr.imaging.emr.text_tables import FIRST_ROW, Layout, TableFile, TextTable

READERS = {".csv": read_csv, ".xlsx": read_excel, ".xls": read_old_excel, ".parquet": read_parquet}


def read_tables(path: Path, layout: Layout, name: str | None = None) -> TableFile:
    """Read all tables of a `.csv`, `.xlsx`, `.xls` or `.parquet` file as text.

    Args:
        path: File.
        layout: Position of the header and the needed columns.
        name: Name of the file in errors; None: its own.

    Raises:
        TableError: The file is empty, cannot be read, is larger than a table can be, or has an unknown format.
    """
    name = name or path.name
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise TableError(f"{name} has an unknown format; expected one of {', '.join(READERS)} in emr.tables")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's warnings quote values
            found = read(path, name, layout)
    except TableError:
        raise
    except Exception as error:  # the libraries' own messages quote values
        raise TableError(
            f"{name} cannot be read ({type(error).__name__}); expected a {path.suffix} table with a header row: open "
            "it, save it again, and check that the export was complete"
        ) from None
    if not found.tables:
        raise TableError(f"{name} is empty; expected a header row and one row per image")
    return found


def read_text_table(path: Path) -> TextTable:
    """Read the only table of a file, with the header in its first row with a value.

    Raises:
        TableError: As `read_tables`, or a workbook has several sheets with values, or hidden sheets.
    """
    tables, remarks = read_tables(path, FIRST_ROW)
    if len(tables) > 1 or any("is hidden" in remark for remark in remarks):
        raise TableError(
            f"{path.name} has several sheets; expected one, since a list is read completely: delete the others"
        )
    return tables[0]
