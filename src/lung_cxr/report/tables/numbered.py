"""The paper's tables from our runs, each with the caption that it needs where it stands alone."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from lung_cxr.report.labels import DYNAMIC, TABLE_TITLES, TRADITIONAL
from lung_cxr.report.tables.augmentation_table import augmentation_table
from lung_cxr.report.tables.data import distribution_table
from lung_cxr.report.tables.manuscript import as_latex, as_markdown
from lung_cxr.report.tables.related_work import methods_table
from lung_cxr.report.tables.results import strategy_table
from lung_cxr.report.tables.table import Cell, Table

TABLE3, TABLE4 = "table3_traditional", "table4_dynamic"


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

    On paper, Tables 3 and 4 have ours alone: with the paper's columns beside them they are too wide to read.

    Args:
        evaluations, table1: As in `numbered_tables`.
        synthetic: Likewise; every caption says so.
    """
    written = []
    tables = numbered_tables(evaluations, table1, synthetic)
    for number, (name, table) in enumerate(tables.items(), start=1):
        said = [f"{TABLE_TITLES[name]}.", table.caption, "Synthetic data, no real patient." if synthetic else ""]
        alone = replace(table, caption=" ".join(text for text in said if text))
        on_paper = _without_last_group(alone) if name in (TABLE3, TABLE4) else alone
        written += [as_markdown(alone, number), as_latex(on_paper, name)]
    return written


def _without_last_group(table: Table) -> Table:
    """Return the table without its last group of columns, and without the titles of the others."""
    width = len(table.head) - table.groups[-1][1]
    rows = [_first_columns(row, width) for row in table.rows]
    return replace(table, head=table.head[:width], rows=rows, groups=())


def _first_columns(row: Sequence[Cell], width: int) -> list[Cell]:
    """Return the cells of the first columns; one that goes on beyond them ends with them."""
    kept: list[Cell] = []
    for cell in row:
        left = width - sum(one.span for one in kept)
        if left > 0:
            kept.append(replace(cell, span=min(cell.span, left)))
    return kept
