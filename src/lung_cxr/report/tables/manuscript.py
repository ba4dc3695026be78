"""Tables 1 to 5 of the paper from our runs: for the page, and as Markdown and LaTeX (booktabs) for a manuscript.

All forms come from the same `Table`. In Markdown and LaTeX an undefined number is a dash with the number of a note; the
notes below the table give the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from lung_cxr.report.labels import DYNAMIC, SYNTHETIC, TABLE_TITLES, TRADITIONAL
from lung_cxr.report.tables.augmentation_table import augmentation_table
from lung_cxr.report.tables.dataset_tables import distribution_table
from lung_cxr.report.tables.related_work import related_work_table
from lung_cxr.report.tables.results import strategy_table
from lung_cxr.report.tables.table import NO_NUMBER, Cell, Table

WIDE = 4  # number columns from which a table is scaled to the text width
LONG = 24  # characters; a column of text with a longer cell wraps
WRAPPED = 0.74  # share of the text width for all wrapped columns
PARTLY_WIDE = {"table3_traditional": TRADITIONAL, "table4_dynamic": DYNAMIC}

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    **{character: f"\\{character}" for character in "&%$#_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",  # pdfLaTeX cannot read the following characters without further packages
    "±": r"$\pm$",
    "×": r"$\times$",
    "°": r"$^{\circ}$",
    "⁶": r"$^{6}$",
    "/": r"\slash{}",  # allows a line break
    "–": "--",
    "—": "---",
}


def numbered_tables(evaluations: Mapping[str, Any], table1: pd.DataFrame, synthetic: bool) -> dict[str, Table]:
    """Return Tables 1 to 5 by the name of their dataset, in the order of `TABLE_TITLES`.

    Args:
        evaluations: Result of `evaluate_grid`.
        table1: Table 1 from the pipeline `splitting`.
        synthetic: Whether any image is synthetic.
    """
    tables = (
        distribution_table(table1),
        augmentation_table(evaluations),
        strategy_table(evaluations, TRADITIONAL),
        strategy_table(evaluations, DYNAMIC),
        related_work_table(evaluations, synthetic),
    )
    return dict(zip(TABLE_TITLES, tables, strict=True))


def written_tables(evaluations: Mapping[str, Any], table1: pd.DataFrame, synthetic: bool) -> list[str]:
    """Return every numbered table as Markdown and as LaTeX, in the order of `TABLE_TITLES`.

    The LaTeX of Tables 3 and 4 omits the paper's columns: with them the table is too wide for a page.

    Args:
        evaluations: Result of `evaluate_grid`.
        table1: Table 1 from the pipeline `splitting`.
        synthetic: Whether any image is synthetic; every caption then says so.
    """
    written = []
    for number, (name, table) in enumerate(numbered_tables(evaluations, table1, synthetic).items(), start=1):
        caption = " ".join(filter(None, [f"{TABLE_TITLES[name]}.", table.caption, SYNTHETIC if synthetic else ""]))
        strategy = PARTLY_WIDE.get(name)
        narrow = strategy_table(evaluations, strategy, with_paper=False) if strategy else table
        written += [
            as_markdown(replace(table, caption=caption), number),
            as_latex(replace(narrow, caption=caption), name),
        ]
    return written


def as_markdown(table: Table, number: int) -> str:
    """Return a table as Markdown; group titles are repeated before each column title.

    Args:
        table: Table to write.
        number: Number of the table.
    """
    groups = [title for title, span in table.groups for _ in range(span)] or [""] * len(table.head)
    titles = [f"{group}: {title}" if group else title for group, title in zip(groups, table.head, strict=True)]
    return _render("table.md.j2", table, number=number, titles=titles)


def as_latex(table: Table, label: str) -> str:
    r"""Return a `table` environment for \input; it needs the packages array, booktabs and graphicx.

    Args:
        table: Table to write; LaTeX numbers it.
        label: Label for \ref.
    """
    ends = list(accumulate(span for _, span in table.groups))
    rules = [
        rf"\cmidrule(lr){{{end - span + 1}-{end}}}"
        for (title, span), end in zip(table.groups, ends, strict=True)
        if title
    ]
    wide = table.head_kinds.count("number") >= WIDE
    return _render("table.tex.j2", table, label=label, wide=wide, columns=_columns(table), group_rules="".join(rules))


def _render(template: str, table: Table, **content: Any) -> str:
    """Return the text of a template; its delimiters are << >> and <% %>, which neither Markdown nor LaTeX uses."""
    environment = Environment(
        loader=PackageLoader("lung_cxr.report", "tables"),
        undefined=StrictUndefined,
        autoescape=False,
        extensions=["jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= {"latex": latex, "markdown": markdown, "plain": _plain, "row": _row}
    reasons = dict.fromkeys(cell.text for row in table.rows for cell in row if cell.kind in NO_NUMBER)
    notes = {reason: number for number, reason in enumerate(reasons, start=1)}
    return environment.get_template(template).render(table=table, notes=notes, NO_NUMBER=NO_NUMBER, **content)


def markdown(text: str) -> str:
    """Return text with Markdown's own characters and < escaped."""
    for sign in "\\`*_|[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;")


def latex(text: str) -> str:
    """Return text with LaTeX's own characters escaped."""
    return "".join(LATEX.get(character, character) for character in text)


def _plain(cell: Cell) -> str:
    """Return text and small print of a cell on one line."""
    if not cell.small:
        return cell.text
    return f"{cell.text} ({cell.small})" if cell.kind == "name" else f"{cell.text} {cell.small}"


def _row(cells: Sequence[str]) -> str:
    r"""Return one line of a LaTeX table; a leading [ or * would be an argument of the preceding \\."""
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _columns(table: Table) -> str:
    """Return LaTeX's column types: r for numbers, l for text, p for text that wraps."""
    kinds = ["r" if kind == "number" else "l" for kind in table.head_kinds]
    long = [column for column, kind in enumerate(kinds) if kind == "l" and _longest(table, column) > LONG]
    width = WRAPPED / max(len(long), 3)  # one or two wrapped columns need no more than a third each
    for column in long:
        kinds[column] = rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}"
    return "".join(kinds)


def _longest(table: Table, column: int) -> int:
    """Return the length of the longest text that covers only this column."""
    longest = 0
    for row in table.rows:
        starts = accumulate((cell.span for cell in row), initial=0)
        own = [cell for start, cell in zip(starts, row, strict=False) if start == column and cell.span == 1]
        longest = max([longest, *(len(cell.text) + len(cell.small) for cell in own if cell.kind not in NO_NUMBER)])
    return longest
