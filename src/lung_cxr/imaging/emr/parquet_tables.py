"""Parquet files as text: every type as the hospital would see it, nested ones as Python writes them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from lung_cxr.imaging.emr.text_tables import MAX_CELLS, TableError, TextTable, cell_text, check_size

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData

BATCH = 4096  # rows: what is unpacked before its size is looked at


def read_parquet(path: Path) -> TextTable:
    """Read a Parquet file.

    Raises:
        TableError: It claims, or unpacks to, more than a table can hold.
        Exception: Whatever pyarrow raises on broken files; `read_text_table` drops it.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        check_size(path.name, rows=file.metadata.num_rows, columns=len(names))
        _check_claims(path.name, file.metadata)
        columns: list[list[str]] = [[] for _ in names]
        size = 0
        for batch in file.iter_batches(BATCH):
            size += batch.nbytes
            check_size(path.name, size=size)
            for texts, column in zip(columns, batch.columns, strict=True):
                texts.extend(map(cell_text, column.to_pylist()))
    cells = pd.DataFrame(dict(enumerate(columns)), dtype="str")
    cells.columns = pd.Index([name.strip() for name in names], dtype="str")
    cells.index = pd.RangeIndex(1, len(cells) + 1)
    return TextTable(cells, [])


def _check_claims(name: str, metadata: "FileMetaData") -> None:
    """Bytes and values of all columns, as the footer states them; lists may hold many values in one row."""
    size, values = 0, 0
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            size += chunk.total_uncompressed_size
            values += chunk.num_values
    check_size(name, size=size)
    if values > MAX_CELLS:
        raise TableError(f"{name} has {values:,} values; expected at most {MAX_CELLS:,}: export only mapped columns")
