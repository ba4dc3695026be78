"""A table of the page as text for a manuscript: Markdown, or LaTeX with booktabs.

What is undefined is an em dash with a number, and a note of that number below the table says why.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from lung_cxr.report.tables.table import Cell, Table

NO_NUMBER = ("reason", "status")  # kinds of cells that stand where a number would
DASH = "—"
WIDE = 4  # columns of numbers; a table of as many is scaled to the width of the text
LONG = 24  # characters; columns of text with longer ones wrap
WRAPPED = 0.74  # of the width of the text, shared by the columns that wrap

LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    **{character: f"\\{character}" for character in "&%$#_"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",  # these are no part of what pdfLaTeX reads without further packages
    "±": r"$\pm$",
    "×": r"$\times$",
    "°": r"$^{\circ}$",
    "⁶": r"$^{6}$",
    "/": r"\slash{}",  # a line may end here
    "–": "--",
    "—": "---",
}


def as_markdown(table: Table, number: int) -> str:
    """Return the table with its caption above it and its notes below.

    Args:
        table: Titles over several columns stand before each of theirs: Markdown has one line of titles.
        number: Of the table.
    """
    notes = _notes(table)
    rules = ["---:" if kind == "number" else ":---" for kind in table.head_kinds]
    rows = [[text for cell in row for text in _repeated(_text(cell, notes), cell.span)] for row in table.rows]
    lines = [[_markdown(text) for text in line] for line in (_one_head(table), *rows)]
    parts = [
        f"**Table {number}.** {_markdown(table.caption)}",
        "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rules, *lines[1:])),
        "\n".join(f"({mark}) {_markdown(reason)}  " for reason, mark in notes.items()),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_latex(table: Table, label: str) -> str:
    r"""Return a `table` environment to \input; it needs the packages array, booktabs and graphicx.

    Args:
        table: What to write; LaTeX numbers it.
        label: To \ref it by.
    """
    notes, wide = _notes(table), table.head_kinds.count("number") >= WIDE
    rows = [[_latex_cell(cell, notes) for cell in row] for row in table.rows]
    own = len(rows) - table.rows_below_rule
    head = [_latex(title) if title else "" for title in table.head]
    body = [
        rf"\begin{{tabular}}{{{_columns(table)}}}",
        r"\toprule",
        *_group_lines(table),
        _latex_row(head),
        r"\midrule",
        *map(_latex_row, rows[:own]),
        *([r"\midrule"] if table.rows_below_rule else []),
        *map(_latex_row, rows[own:]),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    lines = [
        r"% Needs \usepackage{array,booktabs,graphicx}. Not to be edited: the next report writes another one.",
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{_latex(table.caption)}}}",
        rf"\label{{tab:{label}}}",
        r"\footnotesize\setlength{\tabcolsep}{4pt}",
        *([r"\resizebox{\linewidth}{!}{%", *body[:-1], body[-1] + "}"] if wide else body),
        *_note_lines(notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _notes(table: Table) -> dict[str, int]:
    """Return each reason of the table with its number, in the order of reading."""
    reasons = [cell.text for row in table.rows for cell in row if cell.kind in NO_NUMBER]
    return {reason: number for number, reason in enumerate(dict.fromkeys(reasons), start=1)}


def _text(cell: Cell, notes: Mapping[str, int]) -> str:
    """Return what a cell says on one line."""
    if cell.kind in NO_NUMBER:
        return f"{DASH} ({notes[cell.text]})"
    if not cell.small:
        return cell.text
    return f"{cell.text} ({cell.small})" if cell.kind == "name" else f"{cell.text} {cell.small}"


def _repeated(text: str, span: int) -> list[str]:
    return [text] * span


def _one_head(table: Table) -> list[str]:
    """Return the titles of the columns, each after the title over it."""
    over = [title for title, span in table.groups for _ in range(span)] or [""] * len(table.head)
    return [f"{group}: {title}" if group else title for group, title in zip(over, table.head, strict=True)]


def _markdown(text: str) -> str:
    """Return text in which nothing is taken for Markdown's own signs or for HTML."""
    for sign in "\\`*_|[]":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("<", "&lt;")


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def _latex_cell(cell: Cell, notes: Mapping[str, int]) -> str:
    if cell.kind in NO_NUMBER:
        return _spanning(rf"---\textsuperscript{{{notes[cell.text]}}}", cell.span)
    return _spanning(_latex(_text(cell, notes)), cell.span)


def _spanning(text: str, span: int) -> str:
    return text if span == 1 else rf"\multicolumn{{{span}}}{{c}}{{{text}}}"


def _latex_row(cells: Sequence[str]) -> str:
    r"""Return a line of the table; what begins with [ or * would be an argument of the \\ before it."""
    line = " & ".join(cells) + r" \\"
    return f"{{}}{line}" if line.startswith(("[", "*")) else line


def _group_lines(table: Table) -> list[str]:
    """Return the line of titles over several columns, and a rule below each of them."""
    if not table.groups:
        return []
    ends = list(accumulate(span for _, span in table.groups))
    titles = [_spanning(_latex(title), span) for title, span in table.groups]
    rules = [
        rf"\cmidrule(lr){{{end - span + 1}-{end}}}"
        for (title, span), end in zip(table.groups, ends, strict=True)
        if title
    ]
    return [_latex_row(titles), "".join(rules)]


def _columns(table: Table) -> str:
    """Return the kinds of the columns: r for numbers, l for texts, p for texts that wrap."""
    kinds = ["r" if kind == "number" else "l" for kind in table.head_kinds]
    long = [column for column, kind in enumerate(kinds) if kind == "l" and _longest(table, column) > LONG]
    width = WRAPPED / max(len(long), 3)  # one or two long columns need no more than a third of it each
    for column in long:
        kinds[column] = rf">{{\raggedright\arraybackslash}}p{{{width:.2f}\linewidth}}"
    return "".join(kinds)


def _longest(table: Table, column: int) -> int:
    """Return the characters of the longest text that stands in one column alone."""
    longest = 0
    for row in table.rows:
        starts = accumulate((cell.span for cell in row), initial=0)
        alone = [cell for start, cell in zip(starts, row, strict=False) if start == column and cell.span == 1]
        longest = max([longest, *(len(cell.text) + len(cell.small) for cell in alone if cell.kind not in NO_NUMBER)])
    return longest


def _note_lines(notes: Mapping[str, int]) -> list[str]:
    texts = [rf"\textsuperscript{{{mark}}}~{_latex(reason)}." for reason, mark in notes.items()]
    return [r"\par\smallskip\raggedright", " ".join(texts)] if texts else []
