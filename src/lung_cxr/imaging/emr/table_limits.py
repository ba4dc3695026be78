"""How large an EMR table may be. All limits are checked while a file is read, before its table is in memory.

A table at the limit of rows takes about 2 GiB; a hospital's export of one month has a few thousand rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

MAX_BYTES = 2**29  # of a file, uncompressed
MAX_ROWS = 2_000_000  # of a file, empty rows included: twice the rows of an Excel sheet
MAX_COLUMNS = 16_384  # columns of an Excel sheet
MAX_FIELDS = 100_000_000
MAX_FIELD = 10_000_000  # characters of one field: a note may be long
MAX_HEADER = 200_000  # characters of all column names


class TableError(Exception):
    """An EMR table cannot be used; the message says what was found, what was expected and what to do."""


@dataclass
class TableSize:
    """Running size of one file, over all of its sheets.

    Attributes:
        name: Name of the file in errors.
        characters: Characters of all fields read so far.
        rows: Rows read so far, empty ones included.
        fields: Fields read so far.
    """

    name: str
    characters: int = 0
    rows: int = 0
    fields: int = 0

    def add_row(self, row: Iterable[str]) -> None:
        """Count a row.

        Raises:
            TableError: The file is larger than a table can be.
        """
        lengths = [len(field) for field in row]
        self.characters += sum(lengths)
        self.rows += 1
        self.fields += len(lengths)
        if self.rows > MAX_ROWS or self.characters > MAX_BYTES or self.fields > MAX_FIELDS:
            self.check(self.characters, self.rows, self.fields)

    def check(self, size: int = 0, rows: int = 0, fields: int = 0, columns: int = 0, header: int = 0) -> None:
        """Compare a size with the limits.

        Args:
            size: Bytes or characters, uncompressed.
            rows: Number of rows.
            fields: Number of rows times number of columns.
            columns: Number of columns.
            header: Characters of all column names.

        Raises:
            TableError: One of them is above its limit.
        """
        limits = (
            (size, MAX_BYTES, "bytes (uncompressed)"),
            (rows, MAX_ROWS, "rows"),
            (columns, MAX_COLUMNS, "columns"),
            (fields, MAX_FIELDS, "fields"),
            (header, MAX_HEADER, "characters in its header"),
        )
        for found, most, unit in limits:
            if found > most:
                raise TableError(
                    f"{self.name} has at least {found:,} {unit}; expected at most {most:,}: export only the columns "
                    "that emr.columns names, or divide the export into several"
                )
