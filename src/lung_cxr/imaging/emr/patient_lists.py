"""Find and read the hospital's lists of patients: withdrawals and aliases, in any spelling of their file names.

A list lies in the folder of the exports, in an export, or one folder above the exports. A table whose name begins like
that of a list is either read or an error: a list that is overlooked leaves a withdrawn patient in the catalogue.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules, is_malformed, map_distinct
from lung_cxr.imaging.emr.tables import READERS, TableError, read_text_table

TABLE_SUFFIXES = {*READERS, "", ".txt", ".tsv", ".xls", ".xlsm", ".xlsb", ".ods", ".bak", ".old"}


def read_lists(
    exports: Iterable[Export], names: Sequence[str], columns: list[str], rules: PatientIdRules
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read all lists of one kind; without a list the table is empty.

    Args:
        exports: All present exports.
        names: File names of the list without suffix; case, blanks, "_" and "-" do not count.
        columns: Columns of patient numbers that each list has.
        rules: The hospital's rules for patient numbers.

    Returns:
        `columns` in normal form, and for each list its place (relative to the folder of the exports) → its rows.

    Raises:
        TableError: A list cannot be read, lacks a column or a number, or its name is not understood; quotes no value.
    """
    exports = list(exports)
    root = exports[0].root if exports else Path()
    tables, counts = [pd.DataFrame(columns=columns, dtype="str")], {}
    for path in _find(exports, names):
        tables.append(_read(path, columns, rules))
        counts[_place(path, root, exports)] = len(tables[-1])
    return pd.concat(tables, ignore_index=True), counts


def _find(exports: Sequence[Export], names: Sequence[str]) -> Iterator[Path]:
    roots = {export.root.resolve() for export in exports}
    folders = roots | {root.parent for root in roots} | {export.folder.resolve() for export in exports}
    for folder in sorted(folders):
        for path in _entries(folder):
            stem, suffix = re.sub(r"[\s_-]", "", path.stem.casefold()), path.suffix.casefold()
            if stem in names and suffix in READERS and path.is_file():
                yield path
            elif stem.startswith((names[0], names[-1])) and suffix in TABLE_SUFFIXES and path.is_file():
                raise TableError(
                    f"{path.name} is named like a list of patients, but is not read; expected {names[0]} with one of "
                    f"the suffixes {', '.join(READERS)}. Save it under such a name, or move it out of the folder"
                )


def _entries(folder: Path) -> list[Path]:
    """Return the sorted entries of a folder; the folder above the exports may be closed to the user."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, PermissionError):
        return []


def _place(path: Path, root: Path, exports: Sequence[Export]) -> str:
    """Return the kind of the list and its place; the names of export folders stay in 01_raw."""
    if path.parent == root.resolve():
        return f"{path.name} beside the exports"
    if path.parent == root.resolve().parent:
        return f"{path.name} above the exports"
    position = [export.folder.resolve() for export in exports].index(path.parent) + 1
    return f"{path.name} in folder {position} of {len(exports)}"


def _read(path: Path, columns: list[str], rules: PatientIdRules) -> pd.DataFrame:
    fields, malformed, *_ = read_text_table(path)
    expected = ", ".join(columns)
    names = {name: re.sub(r"[\s_-]", "", name.casefold()) for name in fields.columns}
    found = {column: [name for name in names if names[name] == column.replace("_", "")] for column in columns}
    if missing := [column for column in columns if len(found[column]) != 1]:
        raise TableError(
            f"{path.name}: found no column {', '.join(missing)}, or found it twice; expected a header with {expected} "
            "and one line per number. Correct the list and run ingestion again; nothing was read"
        )
    table = pd.DataFrame({column: map_distinct(fields[found[column][0]], rules.normalise) for column in columns})
    unusable = (table == "").any(axis=1) | table.map(is_malformed).any(axis=1)
    broken = sorted({*malformed, *table.index[unusable]})
    if broken:
        raise TableError(
            f"{path.name}: {len(broken)} of {len(table)} rows lack a number, hold a rounded number (1.2E+10) or have "
            f"too many fields (the first is row {broken[0]} below the header); expected {expected} in each row. "
            "Correct the list and run ingestion again; nothing was read"
        )
    return table.reset_index(drop=True)
