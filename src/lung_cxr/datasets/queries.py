"""The hospital's SQL queries."""

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError

LOAD_ARGS = {"coerce_float": False, "dtype_backend": "pyarrow"}  # numbers keep all digits, also beside NULL
EXECUTION_OPTIONS = {"no_parameters": True}  # % in a query without parameters is a character, not a placeholder
WHERE = "conf/local/catalog_extraction.yml (docs/operations.md)"


class QueriesDataset(AbstractDataset[NoReturn, dict[str, pd.DataFrame]]):
    """Loads the results of one or more `pandas.SQLQueryDataset`.

    A Kedro graph cannot depend on the number of queries, so one entry holds all. An error never shows the message of a
    driver, which may quote a value or a connection string.

    Args:
        queries: Name → definition of a `pandas.SQLQueryDataset`, as in the catalogue.
        metadata: Ignored here; for Kedro plugins.
    """

    def __init__(self, *, queries: Mapping[str, dict[str, Any]], metadata: dict[str, Any] | None = None):
        self._queries = queries
        self.metadata = metadata

    def load(self) -> dict[str, pd.DataFrame]:
        """Return query → its rows, with columns of Arrow types.

        Raises:
            DatasetError: There is no query, SQLAlchemy is missing, or a query fails.
        """
        if not self._queries:
            raise DatasetError(f"emr_queries holds no query; expected one or more. Define them in {WHERE}")
        if find_spec("sqlalchemy") is None:
            raise DatasetError("found no SQLAlchemy; expected it for queries. Run `pip install lung_cxr[database]`")
        return {name: _load(name, definition) for name, definition in self._queries.items()}

    def save(self, data: NoReturn) -> NoReturn:  # noqa: ARG002
        """Raise an error: the hospital's database is read only."""
        raise DatasetError("The hospital's database is read only")

    def _describe(self) -> dict[str, Any]:
        return {"queries": sorted(self._queries)}


def _load(name: str, definition: Mapping[str, Any]) -> pd.DataFrame:
    load_args = {**LOAD_ARGS, **definition.get("load_args", {})}
    options = {**EXECUTION_OPTIONS, **definition.get("execution_options", {})}
    complete = {**definition, "load_args": load_args, "execution_options": options}
    try:
        return AbstractDataset.from_config(name, complete).load()
    except Exception as error:  # any error of Kedro, SQLAlchemy or the driver
        found = _kind(error)
    raise DatasetError(  # outside the handler, so that no traceback shows the driver's message
        f"query {name} failed ({found}); expected a table. Try the query in another client as the same user, and check "
        f"`con` of its credentials in conf/local/credentials.yml, and its entry in {WHERE}"
    )


def _kind(error: BaseException) -> str:
    """Return the class and the SQLSTATE of the driver's error."""
    while error.__cause__ is not None:
        error = error.__cause__
    state = getattr(error, "sqlstate", None)
    return type(error).__name__ + (f", SQLSTATE {state}" if state else "")
