"""The paper's tables from our runs, each with the caption that it needs where it stands alone."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from lung_cxr.report.augmentation_table import augmentation_table
from lung_cxr.report.data_tables import distribution_table
from lung_cxr.report.methods_table import methods_table
from lung_cxr.report.result_tables import strategy_table
from lung_cxr.report.table_parts import Table
from lung_cxr.report.titles import DYNAMIC, TABLE_TITLES, TRADITIONAL
from lung_cxr.report.written_tables import as_latex, as_markdown


def numbered_tables(evaluations: Mapping[str, Any], table1: pd.DataFrame, synthetic: bool) -> dict[str, Table]:
    """Return the tables of the page by the name of their dataset, as in `TABLE_TITLES`.

    Args:
        evaluations: What `evaluate_grid` returned.
        table1: Table 1 as `splitting` tabulated it.
        synthetic: Whether any image is made up.
    """
    tables = (
        distribution_table(table1),
        augmentation_table(evaluations),
        strategy_table(evaluations, TRADITIONAL),
        strategy_table(evaluations, DYNAMIC),
        methods_table(evaluations, synthetic),
    )
    return dict(zip(TABLE_TITLES, tables, strict=True))


def written_tables(evaluations: Mapping[str, Any], table1: pd.DataFrame, synthetic: bool) -> list[str]:
    """Return every table as Markdown and as LaTeX, in the order of `TABLE_TITLES`.

    Args:
        evaluations, table1: As in `numbered_tables`.
        synthetic: Likewise; every caption says so.
    """
    written = []
    tables = numbered_tables(evaluations, table1, synthetic)
    for number, (name, table) in enumerate(tables.items(), start=1):
        said = [f"{TABLE_TITLES[name]}.", table.caption, "Synthetic data, no real patient." if synthetic else ""]
        alone = replace(table, caption=" ".join(text for text in said if text))
        written += [as_markdown(alone, number), as_latex(alone, name)]
    return written
