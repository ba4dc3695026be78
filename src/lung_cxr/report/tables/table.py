"""A table on its way to the page: cells with text, and what is undefined merged into one cell with its reason."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from lung_cxr.report.numbers import percent, percent_interval, reason_for, share


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: What it says.
        small: In small print behind it, e.g. an interval.
        kind: CSS class: `name`, `number`, `reason` (why there is no number), `status`, `words` or "".
        span: Columns it covers.
        anchor: Where on the page its text leads to; "": nowhere.
    """

    text: str
    small: str = ""
    kind: str = "number"
    span: int = 1
    anchor: str = ""


@dataclass(frozen=True)
class Table:
    """A table as the template writes it.

    Attributes:
        caption: What to see in it.
        head: Column titles.
        rows: Cells, row by row.
        groups: Titles over several columns: (title, columns), together as wide as `head`; none: no such line.
        rows_below_rule: How many of the last rows stand below a rule: totals, or what the others are compared with.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    groups: Sequence[tuple[str, int]] = field(default_factory=tuple)
    rows_below_rule: int = 0

    @property
    def bodies(self) -> list[Sequence[Sequence[Cell]]]:
        """The rows above the rule, and those below it where there are any."""
        own = len(self.rows) - self.rows_below_rule
        return [self.rows[:own], self.rows[own:]] if self.rows_below_rule else [self.rows]

    @property
    def head_kinds(self) -> list[str]:
        """For each column `number`, to stand above its numbers, or ""."""
        kinds = [""] * len(self.head)
        for row in self.rows:
            starts = accumulate((cell.span for cell in row), initial=0)
            for column, cell in zip(starts, row, strict=False):
                if cell.kind == "number" and cell.text:
                    kinds[column] = "number"
        return kinds


def name_cell(text: str, small: str = "") -> Cell:
    """Return the first cell of a row."""
    return Cell(text, small, kind="name")


def text_cell(text: str) -> Cell:
    """Return a cell of words."""
    return Cell(text, kind="")


def metric_cell(metrics: Mapping[str, Any], metric: str) -> Cell:
    """Return accuracy or macro-F1 in percent, ± its spread where there are several seeds, its interval beside it."""
    if reason := reason_for(metrics, metric):
        return Cell(reason, kind="reason")
    interval = percent_interval(metrics[f"{metric}_low"], metrics[f"{metric}_high"])
    spread = metrics.get(f"{metric}_sd")
    text = percent(metrics[metric])
    return Cell(text if spread is None else text.replace(" %", f" ± {100 * spread:.1f} %"), interval)


def unit_in_head(cell: Cell) -> Cell:
    """Return a cell in percent without the sign, for a column whose title has it."""
    return replace(cell, text=cell.text.replace(" %", "")) if cell.kind == "number" else cell


def share_cell(metrics: Mapping[str, Any], metric: str) -> Cell:
    """Return any metric as a fraction with its interval, or why it is undefined."""
    if reason := reason_for(metrics, metric):
        return Cell(reason, kind="reason")
    ends = [metrics[f"{metric}_{end}"] for end in ("low", "high")]
    return Cell(share(metrics[metric]), f"[{', '.join(map(share, ends))}]" if None not in ends else "")


def merged_reasons(cells: Sequence[Cell]) -> list[Cell]:
    """Put neighbouring cells that give the same reason into one."""
    merged: list[Cell] = []
    for cell in cells:
        last = merged[-1] if merged else None
        if last and cell.kind == last.kind == "reason" and cell.text == last.text:
            merged[-1] = Cell(cell.text, kind="reason", span=last.span + cell.span)
        else:
            merged.append(cell)
    return merged


def number_cell(numbers: Mapping[str, Any], name: str, text: Callable[[Any], str]) -> Cell:
    """Return the number as `text` makes it, or why it is undefined.

    Args:
        numbers: Names → numbers, reasons under `<name>_reason`.
        name: Which.
        text: Function from the number to its text.
    """
    reason = reason_for(numbers, name)
    return Cell(reason, kind="reason") if reason else Cell(text(numbers[name]))
