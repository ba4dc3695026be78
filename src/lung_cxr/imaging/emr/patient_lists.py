"""Read the hospital's lists of patients: withdrawals and aliases."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules, is_malformed_patient
from lung_cxr.imaging.emr.list_files import ListName, find_lists, place_of_list
from lung_cxr.imaging.emr.tables import READERS, TableError, read_text_table
from lung_cxr.text_columns import map_distinct


def read_lists(
    exports: Iterable[Export],
    raw_folder: Path,
    names: Sequence[str],
    word: str,
    columns: list[str],
    rules: PatientIdRules,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read all lists of one kind; without a list the table is empty.

    Args:
        exports: All present exports.
        raw_folder: `01_raw`; the exports may lie elsewhere.
        names: File names of the list without suffix; case, blanks, "_" and "-" do not count.
        word: Part of a name that is taken for this list.
        columns: Columns of patient numbers that each list has.
        rules: The hospital's rules for patient numbers.

    Returns:
        `columns` in normal form, and for each list its place (relative to the folder of the exports) → its rows.

    Raises:
        TableError: A list cannot be read, lacks a column or a number, or its name is not understood; quotes no value.
    """
    exports = list(exports)
    kind = ListName(names[0], re.compile("|".join(names)), word, list(READERS))
    tables, counts = [pd.DataFrame(columns=columns, dtype="str")], {}
    for path in find_lists(exports, kind, [raw_folder]):
        tables.append(_read(path, columns, rules))
        counts[place_of_list(path, exports)] = len(tables[-1])
    return pd.concat(tables, ignore_index=True), counts


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
    unusable = (table == "").any(axis=1) | table.map(is_malformed_patient).any(axis=1)
    broken = sorted({*malformed, *table.index[unusable]})
    if broken:
        raise TableError(
            f"{path.name}: {len(broken)} of {len(table)} rows lack a number, hold one that a spreadsheet has "
            "changed (1.2E+10, 40.000, 12-Mar) or have too many fields (the first is row "
            f"{broken[0]} below the header); expected {expected} in each row. Correct "
            "the list and run ingestion again; nothing was read"
        )
    return table.reset_index(drop=True)
