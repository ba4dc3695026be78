"""Changes since the last report: settings, and known exports that the hospital has changed, for example mended."""

from collections.abc import Mapping
from typing import Any

from lung_cxr.report.numbers import plural

COUNTS = {
    "rows": ("row",),
    "accepted": ("accepted image",),
    "faults": ("fault",),
    "out_of_scope": ("row out of scope", "rows out of scope"),
}
DELIVERED = ("new", "changed", "relabelled")  # states of files that a change of the export leads to
LISTED = 3  # exports or settings in one sentence


def is_changed(export: Mapping[str, Any]) -> bool:
    """Return True if a known export has other rows, files or labels than at the last report."""
    if export["new"] or not export["present"]:
        return False
    before = export["before"].get("rows", export["rows"])
    return before != export["rows"] or any(export["files"].get(state) for state in DELIVERED)


def changed_settings(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return dotted name → value at the last report and now; empty if the last report did not record them."""
    if before is None:
        return {}
    return {
        name: [before.get(name), now.get(name)] for name in sorted({*before, *now}) if before.get(name) != now.get(name)
    }


def exports_in_words(exports: list[Mapping[str, Any]]) -> str:
    """Return the counts of the changed exports that differ from those of the last report; "" if none does."""
    found = {export["export"]: counts for export in exports if export["changed"] and (counts := _counts(export))}
    if len(found) > LISTED:
        return f"{plural(len(found), 'known export')} changed."
    return " ".join(f"Export {number} changed: {counts}." for number, counts in found.items())


def _counts(export: Mapping[str, Any]) -> str:
    before = {"accepted": export["accepted_before"], **export["before"]}
    moved = [
        f"{plural(export[name], *words)} ({before[name]:,} before)"
        for name, words in COUNTS.items()
        if name in before and before[name] != export[name]
    ]
    return ", ".join(moved)


def settings_in_words(changed: Mapping[str, list[Any]]) -> str:
    """Return the settings that differ from those of the last report; "" if none does."""
    if not changed:
        return ""
    listed = [f"{name} {before} → {now}" for name, (before, now) in list(changed.items())[: LISTED * 2]]
    further = len(changed) - len(listed)
    more = f" and {further} more" if further else ""
    return f"Settings changed since the last report: {'; '.join(listed)}{more}."
