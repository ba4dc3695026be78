"""Parquet files as text: every type as the hospital would see it, lists with `;` between their values."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from lung_cxr.imaging.emr.table_limits import TableSize
from lung_cxr.imaging.emr.text_tables import Layout, TableFile, TextTable, clean_name, field_text

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import FileMetaData, ParquetSchema

BATCH = 4096  # rows that are decoded before their size is checked


def read_parquet(path: Path, name: str, layout: Layout) -> TableFile:
    """Read the needed columns of a Parquet file.

    A dictionary makes a file of 0.2 MiB hold 5 GiB of text. Text is therefore kept as dictionary and index until the
    size of the text is known.

    Args:
        path: Parquet file.
        name: Name of the file in errors.
        layout: The needed columns; a Parquet file has no header row.

    Raises:
        TableError: It claims, or decodes to, more than a table can hold.
        Exception: Any error of pyarrow on a broken file; `tables.read_tables` replaces it.
    """
    import pyarrow.parquet as pq

    size = TableSize(name)
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        _check_claims(size, file.metadata, names)
        texts = _text_columns(file.schema)
    header = [clean_name(column) for column in names]
    needed = [position for position, column in enumerate(header) if layout.is_needed(column)]
    columns: list[list[str]] = [[] for _ in needed]
    with pq.ParquetFile(path, read_dictionary=texts) as file:
        selected = [names[position] for position in needed] if len(set(names)) == len(names) else None
        for batch in file.iter_batches(BATCH, columns=selected):
            arrays = batch.columns if selected else [batch.columns[position] for position in needed]
            size.characters += sum(map(_text_size, arrays))
            size.check(size=size.characters)
            for column, array in zip(columns, arrays, strict=True):
                column.extend(column_texts(array))
    fields = pd.DataFrame(dict(enumerate(columns)), dtype="str")
    fields.columns = pd.Index([header[position] for position in needed], dtype="str")
    fields.index = pd.RangeIndex(1, len(fields) + 1)
    return TableFile([TextTable(fields, [], header)], [])


def _check_claims(size: TableSize, metadata: "FileMetaData", names: list[str]) -> None:
    """Check the sizes that the footer states; lists may hold many values in one row."""
    size.check(rows=metadata.num_rows, columns=len(names), header=sum(map(len, names)))
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(metadata.num_columns)]
    size.check(size=sum(chunk.total_uncompressed_size for chunk in chunks))
    size.check(fields=sum(chunk.num_values for chunk in chunks))
    fixed = [metadata.schema.column(number) for number in range(metadata.num_columns)]
    lengths = [column.length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0 for column in fixed]
    size.check(size=sum(group.column(n).num_values * length for group in groups for n, length in enumerate(lengths)))


def _text_columns(schema: "ParquetSchema") -> list[str]:
    """Return the paths of all columns of texts of any length, also inside lists and structures."""
    columns = (schema.column(number) for number in range(len(schema)))
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _text_size(array: "pa.Array") -> int:
    """Return the number of bytes of an array once all its texts are written out."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_dictionary_of_texts(array):
        lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
        return int(pc.sum(pc.cast(lengths, pa.int64())).as_py() or 0)
    if pa.types.is_struct(array.type):
        return sum(map(_text_size, array.flatten()))
    if pa.types.is_nested(array.type):
        values = array.values if pa.types.is_map(array.type) else array.flatten()
        return _text_size(values)
    return int(array.nbytes)


def column_texts(array: "pa.Array") -> Iterator[str]:
    """Yield the values of a column as `field_text`, lists joined by ";"."""
    if _is_dictionary_of_texts(array):  # each text of the dictionary once in memory
        indices = array.indices.to_pylist()
        used = sorted({*indices} - {None})
        texts = dict(zip(used, map(field_text, array.dictionary.take(used).to_pylist()), strict=True))
        yield from (texts.get(index, "") for index in indices)
        return
    for value in array.to_pylist():
        yield _list_text(value) if isinstance(value, list) else field_text(value)


def _is_dictionary_of_texts(array: "pa.Array") -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return pa.types.is_dictionary(array.type) and any(is_kind(array.type.value_type) for is_kind in kinds)


def _list_text(values: list[Any]) -> str:
    return ";".join(map(field_text, values))
