"""Count people's decisions, and name those that do not apply by their row."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.imaging.catalogue.decisions import SUBJECTS

OUTCOMES = {
    "replaced": "a later row decides about the same image",
    "unknown_image": "no row of an export and no image of the catalogue has this key or path",
    "several_images": "rows of several patients name this file",
    "removed": "it was in force at the last refresh, and is in no list now",
    "row_rejected": "the row of the image is rejected",
    "no_file": "the file is gone, so that its pixels cannot be read again",
}
"""Outcomes of decisions that do not apply; every other outcome is the reason for which the image stays rejected."""

SHOWN_ROWS = 20  # of each outcome, in a sentence


def count_decisions(table: pd.DataFrame) -> dict[str, Any]:
    """Return counts of `contracts.image_decisions`, ready for JSON.

    Returns:
        `lists`: place → rows. `applied`: decision → rows. `not_applied`: `list`, `row`, `decision` and `outcome` of
        each decision that does not apply.
    """
    applied = table.loc[table["outcome"] == "", "decision"].value_counts()
    listed = table.loc[table["list"] != "", "list"].value_counts(sort=False)
    others = table.loc[table["outcome"] != "", ["list", "list_row", "decision", "outcome"]]
    return {
        "lists": {str(place): int(rows) for place, rows in listed.items()},
        "applied": {word: int(applied[word]) for word in SUBJECTS if word in applied},
        "not_applied": [
            {"list": place, "row": int(row), "decision": decision, "outcome": outcome}
            for place, row, decision, outcome in others.itertuples(index=False)
        ],
    }


def decisions_in_words(counts: Mapping[str, Any]) -> list[str]:
    """Return the counts as sentences without full stop, for log and page; none without decisions.

    Args:
        counts: Result of `count_decisions`; may be empty.
    """
    if not counts or not (counts["lists"] or counts["not_applied"]):
        return []
    lists = ", ".join(f"{place} ({rows:,} rows)" for place, rows in counts["lists"].items()) or "no list"
    applied = ", ".join(f"{rows:,} {word}" for word, rows in counts["applied"].items()) or "none"
    by_outcome: dict[tuple[str, str], list[int]] = {}
    for entry in counts["not_applied"]:
        by_outcome.setdefault((entry["list"], entry["outcome"]), []).append(entry["row"])
    others = [_not_applied(place, outcome, rows) for (place, outcome), rows in by_outcome.items()]
    return [f"Decisions about single images, from {lists}. In force: {applied}", *others]


def _not_applied(place: str, outcome: str, rows: list[int]) -> str:
    why = OUTCOMES.get(outcome, f"the image stays rejected as {outcome}")
    if outcome == "removed":
        return f"Decisions that are no longer in force: {len(rows):,}. A list has lost them, or its file was replaced"
    more = " …" if len(rows) > SHOWN_ROWS else ""
    named = ", ".join(map(str, rows[:SHOWN_ROWS]))
    return f"Decisions of {place} that do not apply: row {named}{more}: {why}"
