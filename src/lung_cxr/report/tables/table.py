"""Tables for page, Markdown and LaTeX: cells of text, made from a frame by one description of its columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import Any

import pandas as pd

from lung_cxr.report.numbers import NOTHING, percent, percent_interval, reason_for, share

NO_NUMBER = ("reason", "status")
"""Kinds of cells that explain a missing number."""


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: Text of the cell.
        small: Text in small print after it, e.g. an interval.
        kind: CSS class: `name`, `number`, `reason` (why a number is undefined), `status`, `words` or "".
        span: Number of columns that the cell covers.
        anchor: Section of the page that the text links to; "": no link.
    """

    text: str
    small: str = ""
    kind: str = "number"
    span: int = 1
    anchor: str = ""


@dataclass(frozen=True)
class Table:
    """A table as the templates write it.

    Attributes:
        caption: Name of the table and how to read it.
        head: Column titles.
        rows: Cells, row by row.
        groups: Titles over several columns, (title, number of columns), together as wide as `head`; empty: none.
        rows_below_rule: Number of last rows below a rule: totals or reference models.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    groups: Sequence[tuple[str, int]] = field(default_factory=tuple)
    rows_below_rule: int = 0

    @property
    def bodies(self) -> list[Sequence[Sequence[Cell]]]:
        """Return the rows above the rule, and those below it where there are any."""
        own = len(self.rows) - self.rows_below_rule
        return [self.rows[:own], self.rows[own:]] if self.rows_below_rule else [self.rows]

    @property
    def head_kinds(self) -> list[str]:
        """Return `number` for each column with a number, else ""; titles are aligned like their cells."""
        kinds = [""] * len(self.head)
        for row in self.rows:
            starts = accumulate((cell.span for cell in row), initial=0)
            for column, cell in zip(starts, row, strict=False):
                if cell.kind == "number" and cell.text:
                    kinds[column] = "number"
        return kinds


@dataclass(frozen=True)
class Column:
    """Format of one column: its title, the cell of each row of a frame, and the group that it belongs to."""

    title: str
    cell: Callable[[Mapping[str, Any]], Cell]
    group: str = ""


def table_of(frame: pd.DataFrame, columns: Sequence[Column], caption: str, rows_below_rule: int = 0) -> Table:
    """Return the table of a frame: one row per row, one column per `Column`."""
    rows = [merged_reasons([one.cell(row) for one in columns]) for row in frame.to_dict(orient="records")]
    groups = [(title, len(list(own))) for title, own in groupby(columns, lambda one: one.group)]
    titled = groups if any(title for title, _ in groups) else ()
    return Table(caption, [one.title for one in columns], rows, titled, rows_below_rule)


def frame_cell(row: Mapping[str, Any], name: str, text: Callable[[Any], str], missing: str = NOTHING) -> Cell:
    """Return the number of a frame's row as text.

    A missing number gives its `<name>_reason`, or the `note` of a run without results, or `missing`.
    """
    if not pd.isna(row[name]):
        return Cell(text(row[name]))
    reason = row.get(f"{name}_reason")
    return Cell(reason, kind="reason") if isinstance(reason, str) else Cell(missing)


def percent_cell(row: Mapping[str, Any], metric: str) -> Cell:
    """Return a metric of a frame's row, in percent without the sign, ± its spread over seeds, with its interval."""
    cell = frame_cell(row, metric, "{:.1f}".format)
    if cell.kind in NO_NUMBER or pd.isna(row[metric]):
        return cell
    spread, ends = row[f"{metric}_sd"], [row[f"{metric}_low"], row[f"{metric}_high"]]
    interval = "" if pd.isna(ends).any() else "[{:.1f}, {:.1f}]".format(*ends)
    return Cell(cell.text if pd.isna(spread) else f"{cell.text} ± {spread:.1f}", interval)


def name_cell(text: str, small: str = "") -> Cell:
    """Return the first cell of a row."""
    return Cell(text, small, kind="name")


def text_cell(text: str) -> Cell:
    """Return a cell of plain text."""
    return Cell(text, kind="")


def metric_cell(metrics: Mapping[str, Any], metric: str) -> Cell:
    """Return accuracy or macro-F1 in percent, ± its spread over several seeds, with its interval."""
    if reason := reason_for(metrics, metric):
        return Cell(reason, kind="reason")
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    spread = metrics.get(f"{metric}_sd")
    text = percent(metrics[metric])
    return Cell(text if spread is None else text.replace(" %", f" ± {100 * spread:.1f} %"), interval)


def share_cell(metrics: Mapping[str, Any], metric: str) -> Cell:
    """Return a metric as a fraction with its interval, or the reason why it is undefined."""
    if reason := reason_for(metrics, metric):
        return Cell(reason, kind="reason")
    ends = [metrics[f"{metric}_{end}"] for end in ("low", "high")]
    return Cell(share(metrics[metric]), f"[{', '.join(map(share, ends))}]" if None not in ends else "")


def merged_reasons(cells: Sequence[Cell]) -> list[Cell]:
    """Merge neighbouring cells with the same reason or status."""
    merged: list[Cell] = []
    for cell in cells:
        last = merged[-1] if merged else None
        if last and cell.kind in NO_NUMBER and (cell.kind, cell.text) == (last.kind, last.text):
            merged[-1] = Cell(cell.text, kind=cell.kind, span=last.span + cell.span)
        else:
            merged.append(cell)
    return merged


def number_cell(numbers: Mapping[str, Any], name: str, text: Callable[[Any], str]) -> Cell:
    """Return a number as text, or the reason why it is undefined.

    Args:
        numbers: Names → numbers, reasons under `<name>_reason`.
        name: Name of the number.
        text: Function from the number to its text.
    """
    reason = reason_for(numbers, name)
    return Cell(reason, kind="reason") if reason else Cell(text(numbers[name]))
