"""Results of queries → one table of text with the rows that are new since the last snapshot."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.imaging.emr.parquet_tables import column_texts
from lung_cxr.imaging.emr.text_tables import clean_name
from lung_cxr.parameters import ExtractionParameters


class NewRows(NamedTuple):
    """Rows for a snapshot.

    Attributes:
        rows: One str column per column of the queries, as ingestion reads it; "" for NULL.
        highest: Query → highest value of `extraction.newer_than` so far, as text; empty without that setting.
    """

    rows: pd.DataFrame
    highest: dict[str, str]


def new_rows(
    results: Mapping[str, pd.DataFrame], settings: ExtractionParameters, highest: Mapping[str, str]
) -> NewRows:
    """Return the rows of all queries whose value of `newer_than` is not below the highest of the last snapshot.

    Rows with exactly that value may have been added after the last extraction, so they are included.

    Args:
        results: Query → its rows.
        settings: Column `newer_than` and the hospital's time zone.
        highest: As `NewRows.highest`, of the last snapshot; empty: all rows.

    Raises:
        ExtractionError: The queries have different columns, or values that cannot be compared or stored.
    """
    tables = {name: _table(name, frame) for name, frame in results.items()}
    first, *others = tables
    columns = tables[first].column_names
    for name in others:
        if set(tables[name].column_names) != set(columns):
            differing = ", ".join(sorted(set(tables[name].column_names) ^ set(columns)))
            raise ExtractionError(
                f"the queries {first} and {name} differ in the columns {differing}; expected the same names. Rename "
                "columns with AS, and add missing ones as NULL"
            )
    newest = dict(highest)
    frames = []
    for name, table in tables.items():
        if settings.newer_than is not None:
            table, newest[name] = _not_below(name, table, settings.newer_than, highest.get(name, ""))  # noqa: PLW2901
        texts = {column: _texts(name, column, table[column], settings.time_zone) for column in columns}
        frames.append(pd.DataFrame(texts, columns=columns, dtype="str"))
    return NewRows(pd.concat(frames, ignore_index=True), {name: text for name, text in newest.items() if text})


def _table(name: str, frame: pd.DataFrame) -> pa.Table:
    frame = frame.set_axis([clean_name(str(column)) for column in frame.columns], axis="columns")
    if not frame.columns.is_unique:
        twice = ", ".join(sorted(frame.columns[frame.columns.duplicated()]))
        raise ExtractionError(f"query {name} returns two columns {twice}; expected each name once. Rename one with AS")
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):  # their messages quote values
        pass
    raise ExtractionError(f"query {name} returns a column of mixed types; expected one type. Cast it to text")


def _not_below(name: str, table: pa.Table, column: str, least: str) -> tuple[pa.Table, str]:
    """Return the rows at or above a value, and the highest value; of two text forms of one value none is lost."""
    if column not in table.column_names:
        raise ExtractionError(
            f"query {name} has no column {column} (extraction.newer_than); expected it in every query. Add it, or set "
            "newer_than: null to extract all rows every time"
        )
    values = table[column]
    if values.null_count:
        raise ExtractionError(
            f"query {name} has {values.null_count:,} rows without {column}, so it cannot be told whether they are new; "
            f"expected a value in every row. Use COALESCE({column}, …) in the query"
        )
    if len(values) == 0:
        return table, least
    highest = pc.max(values).cast(pa.string()).as_py()
    if not least:
        return table, highest
    try:
        bound = pa.scalar(least).cast(values.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        bound = None
    if bound is None:
        raise ExtractionError(
            f"{column} of query {name} now has the type {values.type}, in which the last snapshot's value cannot be "
            "read; expected the same type every time. Cast it in the query as before"
        )
    kept = table.filter(pc.greater_equal(values, bound))
    return kept, highest if kept.num_rows else least


def _texts(name: str, column: str, values: pa.ChunkedArray, time_zone: str | None) -> list[str]:
    """Return the texts of a column; times with a zone become the hospital's local times."""
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        if time_zone is None:
            raise ExtractionError(
                f"{column} of query {name} holds times with a time zone, and extraction.time_zone is null; expected "
                "the hospital's zone, for example Asia/Ho_Chi_Minh: near midnight, the zone decides the date"
            )
        values = pc.local_timestamp(values.cast(pa.timestamp("us", time_zone)))
    return [text for chunk in values.chunks for text in column_texts(chunk)]
