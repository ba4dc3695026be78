"""CSV tables that are safe to open in a spreadsheet program."""

import re

import pandas as pd
from kedro_datasets.pandas import CSVDataset

FORMULA = re.compile(r"[=+\-@\t\r＝＋－＠]")
NUMBER = re.compile(r"[+-]?[\d.]+(?:[eE][+-]?\d+)?")


class SafeCSVDataset(CSVDataset):
    """Writes an apostrophe before every text that a spreadsheet program would run as a formula.

    A file of the hospital may be named `=HYPERLINK(…)`: a spreadsheet program would run it when a person opens the
    table. Arguments are those of the class that it extends.
    """

    def save(self, data: pd.DataFrame) -> None:
        """Write the table."""
        super().save(data.rename(columns=escape_formula).apply(_escape_column))


def escape_formula(value: object) -> object:
    """Return a text with an apostrophe before it if it begins like a formula; numbers stay as they are."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _escape_column(column: pd.Series) -> pd.Series:
    return column if pd.api.types.is_numeric_dtype(column) else column.map(escape_formula)
