"""EMR tables (CSV, Excel, Parquet) read as text: "00123" stays "00123", and one patient is one text in all three.

Nothing here quotes a cell or an unknown column name in an error: a table without a header has a patient in that place.
"""

import warnings
from pathlib import Path

from lung_cxr.imaging.emr.csv_tables import read_csv
from lung_cxr.imaging.emr.excel_tables import read_excel
from lung_cxr.imaging.emr.parquet_tables import read_parquet
from lung_cxr.imaging.emr.text_tables import TableError, TextTable

READERS = {".csv": read_csv, ".xlsx": read_excel, ".parquet": read_parquet}


def read_text_table(path: Path) -> TextTable:
    """Read `.csv`, `.xlsx` or `.parquet` as text.

    Raises:
        TableError: The file cannot be read, is larger than a table can be, or its kind is unknown.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise TableError(f"{path.name} is of unknown kind; expected one of {', '.join(READERS)} in emr.tables")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl's quote cells
            return read(path)
    except TableError:
        raise
    except Exception as error:  # the readers' own messages quote cells
        raise TableError(
            f"{path.name} cannot be read ({type(error).__name__}); expected a {path.suffix} table with a header row: "
            "open it, save it again, and check that the export was complete"
        ) from None
