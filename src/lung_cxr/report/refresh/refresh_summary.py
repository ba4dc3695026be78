"""Summary of a refresh for a mail and for programs: counts only, also of a refresh that failed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.reasons import LABEL_REVIEW
from lung_cxr.report.numbers import plural
from lung_cxr.report.refresh.advice import advice
from lung_cxr.report.refresh.changes import settings_in_words

NOTHING_NEW = "nothing new"
READ = ("new", "changed", "remade", "relabelled")


def summarise_refresh(
    counts: Mapping[str, Any], facts: Mapping[str, Any] | None, exit_code: ExitCode, error: str, ended_at: datetime
) -> dict[str, Any]:
    """Return the summary, ready for JSON.

    Args:
        counts: `before` and `after`, each from `count_catalogue`, None without a catalogue.
        facts: Machine-readable report of this refresh; None if it ended before the report.
        exit_code: Exit code of the command.
        error: Sentence of the error, "" without one.
        ended_at: Time, UTC.
    """
    found = facts or {}
    return {
        "time": ended_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "outcome": _outcome(counts, facts, exit_code),
        "exit_code": int(exit_code),
        "error": error,
        "headline": found.get("headline", ""),
        "catalogue": dict(counts),
        "new_exports": found.get("new_exports", []),
        "changed_exports": _changed_exports(found),
        "changed_settings": dict(found.get("changed_settings", {})),
        "files": found.get("files", {}),
        "faults": {row["reason"]: row["count"] for row in found.get("reasons", []) if row["kind"] == "fault"},
        "label_review": dict(found.get("label_review", {})),
    }


def _changed_exports(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counts of the known exports that the hospital has changed, at the last report and now."""
    return [
        {
            "export": export["export"],
            "before": {**export["before"], "accepted": export["accepted_before"]},
            "after": {name: export[name] for name in ("rows", "faults", "out_of_scope", "accepted")},
        }
        for export in facts.get("exports", [])
        if export["changed"]
    ]


def _outcome(counts: Mapping[str, Any], facts: Mapping[str, Any] | None, exit_code: ExitCode) -> str:
    if exit_code or facts is None:
        return exit_code.meaning
    has_read = facts["new_exports"] or any(facts["files"].get(name) for name in READ)
    return exit_code.meaning if has_read or counts["before"] != counts["after"] else NOTHING_NEW


def as_paragraph(summary: Mapping[str, Any]) -> str:
    """Return the summary as one paragraph for a mail."""
    before, after = summary["catalogue"]["before"], summary["catalogue"]["after"]
    waiting = {name: count for name, count in summary["label_review"].items() if name in LABEL_REVIEW}
    faults = ", ".join(f"{name} {count:,}" for name, count in summary["faults"].items())
    sentences = [
        f"Refresh of {summary['time'].replace('T', ' ').removesuffix('Z')} UTC: {summary['outcome']} "
        f"(exit code {summary['exit_code']}).",
        summary["error"] and f"{summary['error'].rstrip('.')}.",
        summary["headline"],
        settings_in_words(summary["changed_settings"]),
        _moved(before, after),
        f"Faults in all exports: {faults}." if faults else "",
        _advice(summary),
        f"{plural(sum(waiting.values()), 'label')} for review." if waiting else "",
    ]
    return " ".join(text for text in sentences if text)


def _advice(summary: Mapping[str, Any]) -> str:
    """Return the advice on the most frequent fault of a refresh that faults have stopped."""
    if summary["exit_code"] != ExitCode.FAULTS or not summary["faults"]:
        return ""
    most = max(summary["faults"], key=summary["faults"].get)
    return f"{most}: {advice(most)}"


def _moved(before: Mapping[str, int] | None, after: Mapping[str, int] | None) -> str:
    if after is None:
        return "There is no catalogue yet."
    was = 0 if before is None else before["images"]
    return f"Catalogue before and after: {was:,} and {plural(after['images'], 'image')}."
