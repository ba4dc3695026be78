"""Which column of a hospital's table is which logical column.

Names are compared without regard to case, blanks, invisible characters and the way in which accents are encoded
(Windows-1258 and macOS decompose them).
"""

from collections.abc import Mapping, Sequence
from typing import get_args

from lung_cxr.imaging.emr.table_limits import TableError
from lung_cxr.imaging.emr.text_tables import Layout, clean_name
from lung_cxr.parameters import EmrParameters, LogicalColumn

LOGICAL_COLUMNS: tuple[LogicalColumn, ...] = get_args(LogicalColumn)
REQUIRED: tuple[tuple[LogicalColumn, ...], ...] = (
    ("patient_id",),
    ("image_path",),
    ("diagnosis", "icd10_primary"),
)  # a table needs one of each


class ColumnNames:
    """The hospital's names of its columns.

    Args:
        emr: Settings `columns`, `row_filter` and `header_row`.

    Attributes:
        settings: Text that is equal for equal settings.
    """

    def __init__(self, emr: EmrParameters):
        self._names = {column: emr.column_names(column) for column in LOGICAL_COLUMNS}
        self._filters = tuple(emr.row_filter)
        self.settings = repr((self._names, self._filters, emr.header_row))
        names = [*self._filters, *(name for column in LOGICAL_COLUMNS for name in self._names[column])]
        self._needed = set(map(_folded, names))
        self.layout = Layout(
            header_row=None if emr.header_row == "auto" else emr.header_row,
            is_header=lambda header: not self._lacking(self._found(header)),
            is_needed=lambda name: _folded(name) in self._needed,
        )

    def resolve(self, header: Sequence[str], table: str) -> dict[LogicalColumn, str]:
        """Return logical column → name in the header, for those that the table has.

        Args:
            header: Cleaned names of all columns.
            table: Name of the table in errors.

        Raises:
            TableError: A required column is missing, or a column occurs twice.
        """
        found = self._found(header)
        if lacking := self._lacking(found):
            wanted = ", ".join(
                " or ".join(repr(name) for column in group for name in self._names[column] or (column,))
                for group in lacking
            )
            known = ", ".join(repr(names[0]) for names in found.values())
            raise TableError(
                f"no column {wanted} in {table}; found {len(header)} columns, of which expected: "
                f"{known or 'none (is there a header row?)'}. Map the hospital's names in emr.columns "
                "(conf/<env>/parameters_ingestion.yml)"
            )
        if repeated := [name for names in found.values() if len(names) > 1 for name in dict.fromkeys(names)]:
            raise TableError(
                f"{table}: the columns {', '.join(map(repr, repeated))} occur twice or mean the same in emr.columns; "
                "expected one of them"
            )
        return {column: names[0] for column, names in found.items()}

    def missing(self, found: Mapping[LogicalColumn, str]) -> list[LogicalColumn]:
        """Return the logical columns that have a name in the settings, but none in the table."""
        return sorted(column for column, names in self._names.items() if names and column not in found)

    def filter_columns(self, header: Sequence[str]) -> dict[str, str]:
        """Return column of `emr.row_filter` → name in the header, for those that the table has."""
        by_name = {_folded(name): name for name in header}
        return {column: by_name[_folded(column)] for column in self._filters if _folded(column) in by_name}

    def _found(self, header: Sequence[str]) -> dict[LogicalColumn, list[str]]:
        folded = [(_folded(name), name) for name in header]
        wanted = {column: set(map(_folded, names)) for column, names in self._names.items()}
        found = {column: [name for key, name in folded if key in keys] for column, keys in wanted.items()}
        return {column: names for column, names in found.items() if names}

    def _lacking(self, found: Mapping[LogicalColumn, object]) -> list[tuple[LogicalColumn, ...]]:
        return [group for group in REQUIRED if not any(column in found for column in group)]


def _folded(name: str) -> str:
    return clean_name(name).casefold()
