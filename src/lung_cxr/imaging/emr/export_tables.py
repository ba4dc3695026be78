"""The EMR tables of one export folder, read into logical columns."""

import logging
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS, ColumnNames
from lung_cxr.imaging.emr.table_limits import TableError
from lung_cxr.imaging.emr.tables import READERS, read_tables
from lung_cxr.imaging.emr.text_tables import TableFile, TextTable
from lung_cxr.parameters import EmrParameters, LogicalColumn

GLOB = frozenset("*?[")
LIST_WORDS = ("withdraw", "alias", "decision")  # parts of file names that are no EMR tables

log = logging.getLogger(__name__)


class TableFacts(NamedTuple):
    """Facts of one EMR table; they quote no value and no column name that is not in the settings.

    Attributes:
        export: Ordinal of the export.
        number: Number of the table in the export, from 1; 0 in an export with one table.
        name: Name of the table in messages.
        rows: Rows below the header.
        filtered: Rows that `emr.row_filter` leaves out.
        totals: Further rows that hold totals or repeat the header.
        header: Number of columns.
        columns: Logical column → the table's name for it.
        missing: Logical columns that have a name in the settings, but none in the table.
    """

    export: int
    number: int
    name: str
    rows: int
    filtered: int
    totals: int
    header: int
    columns: dict[LogicalColumn, str]
    missing: list[LogicalColumn]


class ExportTables(NamedTuple):
    """All EMR tables of one export.

    Attributes:
        rows: `table` (number of the table in the export, from 1; 0 in an export with one table), `row` (1 is the first
            row below the header), `malformed` and all `LOGICAL_COLUMNS` as text, "" where a table has no such column;
            only rows that `emr.row_filter` keeps.
        notes: Sentences about sheets and table files that were not read, and about hidden rows.
        facts: Facts of each table.
    """

    rows: pd.DataFrame
    notes: list[str]
    facts: list[TableFacts]


class _NamedTable(NamedTuple):
    name: str  # as the log and errors call it
    text: TextTable


_parsed: dict[tuple[object, ...], TableFile] = {}


def forget_tables() -> None:
    """Free the memory of all parsed tables."""
    _parsed.clear()


def read_export_tables(folder: Path, emr: EmrParameters, ordinal: int, *, filtered: bool = True) -> ExportTables:
    """Read all EMR tables of an export as text. A file is parsed once; an unchanged file is not parsed again.

    Args:
        folder: Folder of the export.
        emr: Format of the hospital's tables.
        ordinal: Number of the export in the log and in errors; its name stays in 01_raw and 02_intermediate.
        filtered: Whether `emr.row_filter` leaves out rows.

    Raises:
        TableError: There is no table, a table cannot be read, or a required column is missing.
    """
    export, names = f"Export {ordinal}", ColumnNames(emr)
    try:
        files = find_tables(folder, emr)
        if not files:
            raise TableError(
                f"it has none of the tables {', '.join(emr.tables)}. Name its EMR table in emr.tables "
                "(conf/<env>/parameters_ingestion.yml), or move the folder out of the exports"
            )
        tables: list[_NamedTable] = []
        notes: list[str] = []
        for name, path in files:
            found = _read_once(path, names, name)
            notes += [f"{export}: {remark}" for remark in found.remarks]
            tables += [_NamedTable(f"{text.sheet} of {name}" if text.sheet else name, text) for text in found.tables]
        if others := _other_tables(folder, {path for _, path in files}):
            notes.append(f"{export}: {others} further table files in its folder were not read (emr.tables)")
        row_filter = emr.row_filter if filtered else {}
        _check_filter([table.text.header for table in tables], row_filter, names)
        frames = [
            _logical_rows(table, number, row_filter, names)
            for number, table in enumerate(tables, start=len(tables) > 1)
        ]
    except TableError as error:
        raise TableError(f"{export} (known_exports in 02_intermediate has its name): {error}") from None
    facts = [_facts(ordinal, table, frame, names) for table, frame in zip(tables, frames, strict=True)]
    kept = [frame[frame.pop("is_kept") | frame["malformed"]] for frame in frames]
    return ExportTables(pd.concat(kept, ignore_index=True), notes, facts)


def _read_once(path: Path, names: ColumnNames, name: str) -> TableFile:
    status = path.stat()
    stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    key = (path, *stamp, names.settings)
    if key not in _parsed:
        _parsed[key] = read_tables(path, names.layout, name)
    return _parsed[key]


def find_tables(folder: Path, emr: EmrParameters) -> list[tuple[str, Path]]:
    """Return the name for messages and the path of each EMR table in a folder, in the order of `emr.tables`.

    Files that a pattern matches are sorted by name and called by the pattern and their number, since a file name that
    is not in the settings may hold an identifier.

    Raises:
        TableError: A table is a link out of the folder. (A hard link cannot be told from a file.)
    """
    found: dict[Path, str] = {}
    for entry in emr.tables:
        if not GLOB.isdisjoint(entry):
            matches = sorted(path for path in folder.glob(entry) if _may_be_table(path))
            named = {path: f"{entry} (file {number} of {len(matches)})" for number, path in enumerate(matches, start=1)}
        else:
            named = {folder / entry: entry}
        found |= {path: name for path, name in named.items() if path.is_file() and path not in found}
    for path, name in found.items():
        if not path.resolve().is_relative_to(folder.resolve()):
            raise TableError(f"{name} is a link out of the export; expected the table itself: copy it there")
    return [(name, path) for path, name in found.items()]


def _other_tables(folder: Path, read: Collection[Path]) -> int:
    """Count the table files in an export's folder that no entry of `emr.tables` names."""
    with os.scandir(folder) as entries:
        named = [Path(entry.path) for entry in entries if entry.name.lower().endswith(tuple(READERS))]
    return sum(_may_be_table(path) and path.is_file() for path in named if path not in read)


def _may_be_table(path: Path) -> bool:
    """Return False for other formats, hidden files, Excel's lock files (`~$emr.xlsx`) and the hospital's lists."""
    is_hidden = path.name.startswith((".", "~$"))
    is_list = any(word in path.stem.casefold() for word in LIST_WORDS)
    return path.suffix.lower() in READERS and not is_hidden and not is_list


def _logical_rows(
    table: _NamedTable, number: int, row_filter: Mapping[str, Sequence[str]], names: ColumnNames
) -> pd.DataFrame:
    """Return all rows of a table, with `is_kept` by the filter."""
    fields, malformed, header, *_ = table.text
    columns = names.resolve(header, table.name)
    rows = pd.DataFrame(
        {name: fields[columns[name]] if columns.get(name) in fields.columns else "" for name in LOGICAL_COLUMNS},
        index=fields.index,
        dtype="str",
    )
    rows.insert(0, "table", number)
    rows.insert(1, "row", fields.index)
    rows.insert(2, "malformed", fields.index.isin(malformed))
    rows.insert(3, "is_kept", _kept(fields, row_filter, names.filter_columns(header)))
    return rows


def _check_filter(headers: list[list[str]], row_filter: Mapping[str, Sequence[str]], names: ColumnNames) -> None:
    """Refuse a filter column that no table has and whose empty value is not kept: it would drop the whole export."""
    known = {column for header in headers for column in names.filter_columns(header)}
    for column, values in row_filter.items():
        if "" not in values and column not in known:
            raise TableError(
                f"no table has the column {column!r} of emr.row_filter; expected it in one of them. Correct its name "
                'in conf/<env>/parameters_ingestion.yml, or add "" to the values that are kept'
            )


def _kept(
    fields: pd.DataFrame, row_filter: Mapping[str, Sequence[str]], columns: Mapping[str, str]
) -> "pd.Series[bool]":
    kept = pd.Series(True, index=fields.index)
    for column, values in row_filter.items():
        given = fields[columns[column]].str.strip() if column in columns else pd.Series("", index=fields.index)
        kept &= given.isin(values)
    return kept


def _facts(ordinal: int, table: _NamedTable, frame: pd.DataFrame, names: ColumnNames) -> TableFacts:
    columns = names.resolve(table.text.header, table.name)
    return TableFacts(
        export=ordinal,
        number=int(frame["table"].min()) if len(frame) else 0,
        name=table.name,
        rows=len(frame),
        filtered=int((~frame["is_kept"]).sum()),
        totals=table.text.left_out,
        header=len(table.text.header),
        columns=columns,
        missing=names.missing(columns),
    )


def log_tables(tables: Sequence[TableFacts]) -> None:
    """Log left-out rows and missing columns of the tables of all exports, in few lines."""
    rows = sum(table.rows for table in tables)
    if filtered := sum(table.filtered for table in tables):
        log.info("emr.row_filter leaves out %s of %s rows", f"{filtered:,}", f"{rows:,}")
    if totals := sum(table.totals for table in tables):
        log.info("%s rows of tables are totals or repeat the header", f"{totals:,}")
    lacking: dict[tuple[str, str], list[int]] = {}
    for table in tables:
        if table.missing:
            lacking.setdefault((table.name, ", ".join(table.missing)), []).append(table.export)
    for (name, missing), exports in lacking.items():
        log.warning(
            "Export %d%s: %s has no column for %s; its values are empty (null in emr.columns confirms this)",
            exports[-1], f" and {len(exports) - 1} more" if len(exports) > 1 else "", name, missing,
        )  # fmt: skip
