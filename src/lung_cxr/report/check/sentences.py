"""Headline and notices of the check, and its table for the terminal."""

import textwrap
from collections.abc import Mapping
from typing import Any

from lung_cxr.report.numbers import NOTHING, percent, plural

WIDTH = 80  # columns of a terminal and of a mail
UNKNOWN = "?"
NEEDS_KEY = "cannot be known without the key of the catalogue"
LEVELS = {"stops": "Would stop the refresh", "look": "Please look"}


def headline(facts: Mapping[str, Any]) -> str:
    """Return the result of the check in one or two sentences."""
    exports = facts["exports"]
    new = sum(export["status"] == "new" for export in exports)
    changed = sum(export["status"] == "changed" for export in exports)
    stops = sum(finding["level"] == "stops" for finding in facts["findings"])
    looks = len(facts["findings"]) - stops
    found = f"{plural(len(exports), 'export')} read: {new:,} new, {changed:,} changed."
    if not facts["findings"]:
        return f"{found} Nothing would stop the refresh."
    return f"{found} {plural(stops, 'finding')} would stop the refresh; {plural(looks, 'finding')} to look at."


def notices(facts: Mapping[str, Any]) -> list[str]:
    """Return the lists that were read and the notes on tables."""
    lists = [f"{place}, {rows:,} rows" for place, rows in facts["lists"].items()]
    said = [
        f"Lists that were read: {'; '.join(lists)}; {facts['withdrawn']:,} rows are of withdrawn patients."
        if lists
        else "No list of withdrawn patients, aliases or decisions was found in 01_raw or beside, in or above the "
        "exports.",
        *facts["notes"],
    ]
    return [text if text.endswith(".") else f"{text}." for text in said]


def as_text(facts: Mapping[str, Any]) -> str:
    """Return one table of the exports and the findings below it, at most `WIDTH` columns wide."""
    head = ("export", "rows", "records", "known", "new", "changed", "missing", "headers", "faults")
    lines = ["".join(f"{text:>9}" for text in head)]
    for export in facts["exports"]:
        files = export["files"]
        values = (
            f"{export['export']}{'*' if export['status'] == 'new' else ''}",
            *(f"{export[name]:,}" for name in ("rows", "records")),
            known_share(export),
            *(count(files.get(name, 0)) for name in ("new", "changed", "absent")),
            f"{export['headers']['disagree']:,}",
            percent(export["fault_fraction"]),
        )
        lines.append("".join(f"{text:>9}" for text in values))
    lines.append("*: new. known: share of patients in the catalogue. headers: of another patient")
    if any(export["known_patients"] is None for export in facts["exports"]):
        lines.append(f"{UNKNOWN}: {NEEDS_KEY}")
    for finding in facts["findings"]:
        lines += ["", *textwrap.wrap(f"{LEVELS[finding['level']]}: {finding['text']}", WIDTH)]
    return "\n".join([*lines, "", *textwrap.wrap(headline(facts), WIDTH)])


def count(value: int | None) -> str:
    """Return a number with separators; `UNKNOWN` for None."""
    return UNKNOWN if value is None else f"{value:,}"


def known_share(export: Mapping[str, Any]) -> str:
    """Return the share of an export's patients that the catalogue knows."""
    if export["known_patients"] is None:
        return UNKNOWN
    return percent(export["known_patients"] / export["patients"]) if export["patients"] else NOTHING
