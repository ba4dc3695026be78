"""Summary of an ingestion run: counts only."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.catalogue.decision_counts import decisions_in_words
from lung_cxr.imaging.reasons import FAULTS, FLAGS, OUT_OF_SCOPE, first_codes
from lung_cxr.text_columns import is_in


class IngestionError(Exception):
    """Ingestion cannot continue; the message says why and what to do."""


class DecisionNeededError(IngestionError):
    """Only the hospital can decide; the message names the settings or lists that state the decision."""

    exit_code = ExitCode.DECISION


def summarise(
    known: pd.DataFrame,
    records: pd.DataFrame,
    rejected_records: pd.DataFrame,
    manifest: pd.DataFrame,
    rejected_images: pd.DataFrame,
) -> dict[str, Any]:
    """Count rows, images and reasons; the result holds no key and no value of the input.

    Args:
        known: As `contracts.known_exports`.
        records: As `contracts.records`.
        rejected_records: As `contracts.rejected_records`.
        manifest: As `contracts.image_manifest`.
        rejected_images: As `contracts.rejected_images`.

    Returns:
        Counts; `fault_fraction` is the number of faults divided by the number of rows of all exports (None, with
        `fault_fraction_reason`, if there is no row); `by_export` has the same for each export by its ordinal, so that
        years of good exports do not hide a broken one.
    """
    rows = len(records) + len(rejected_records)
    rejected = pd.concat([rejected_records[["export", "reason_code"]], rejected_images[["export", "reason_code"]]])
    reasons = rejected["reason_code"].value_counts()
    faults = _faults(rejected["reason_code"])
    accepted = manifest[manifest["qc_status"] == "accepted"]
    flags = accepted["qc_reasons"].str.split(";").explode().value_counts()
    return {
        "exports": len(known),
        "rows": rows,
        "accepted_images": len(accepted),
        "accepted_patients": int(accepted["patient_key"].nunique()),
        "accepted_by_class": {name: int((accepted["label"] == name).sum()) for name in DISEASES},
        "faults": faults,
        "fault_fraction": sum(faults.values()) / rows if rows else None,
        **({} if rows else {"fault_fraction_reason": "no row in any export"}),
        "by_export": faults_by_export(pd.concat([records["source_export"], rejected_records["export"]]), rejected),
        "out_of_scope": {code: int(reasons[code]) for code in OUT_OF_SCOPE if code in reasons},
        "flags": {code: int(flags[code]) for code in FLAGS if code in flags},
        **{name: int((records[column] == reason).sum()) for name, (column, reason, _) in _EMPTY_VALUES.items()},
        "patients_corrected": int(first_codes(manifest["qc_reasons"]).eq("patient_corrected").sum()),
        "kept_without_record": int((~is_in(manifest["image_id"], records["image_id"])).sum()),
    }


def in_words(summary: Mapping[str, Any]) -> list[str]:
    """Return the summary as lines for the log."""
    lines = [
        f"{summary['rows']} rows of {summary['exports']} exports: {summary['accepted_images']} images of "
        f"{summary['accepted_patients']} patients accepted"
    ]
    lines += [f"{title}: {listed(summary[key])}" for title, key in _TITLES.items() if summary.get(key)]
    return lines + notes_on_tables(summary)


def notes_on_tables(summary: Mapping[str, Any]) -> list[str]:
    """Return sentences about decisions, unread sheets and unread or corrected values, for log and refresh report."""
    counted = {name: words for name, (_, _, words) in _EMPTY_VALUES.items()} | _CORRECTIONS
    counts = [f"{words}: {summary[name]:,}" for name, words in counted.items() if summary.get(name)]
    fields = {"header_id": "patient numbers", "header_name": "names", "header_birth": "birth dates"}
    headers = [
        f"Export {export}: most DICOM headers have other {', '.join(fields[name] for name in found)} than the tables; "
        "these are not compared"
        for export, found in summary.get("headers_not_compared", {}).items()
    ]
    decisions = decisions_in_words(summary.get("decisions", {}))
    return [*decisions, *summary.get("table_notes", []), *counts, *headers]


def faults_by_export(row_exports: "pd.Series[int]", rejected: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return ordinal (as text, for JSON) → rows, faults by reason and fault fraction of each existing export.

    Args:
        row_exports: Export of each row.
        rejected: `export, reason_code` of each rejected row or image.
    """
    counted = {}
    for number, rows in row_exports.value_counts().sort_index().items():
        faults = _faults(rejected.loc[rejected["export"] == number, "reason_code"])
        counted[str(number)] = {"rows": int(rows), "faults": faults, "fault_fraction": sum(faults.values()) / int(rows)}
    return counted


def _faults(reasons: Iterable[str]) -> dict[str, int]:
    counts = Counter(reasons)
    return {code: counts[code] for code in FAULTS if code in counts}


_EMPTY_VALUES = {  # name in the summary → column and reason in the records, text
    "exam_days_ambiguous": (
        "exam_day_reason",
        "ambiguous",
        "Exam dates whose day and month could be exchanged, left empty (set emr.date_format)",
    ),
    "exam_days_not_understood": (
        "exam_day_reason",
        "not_understood",
        "Exam dates not understood, left empty (emr.date_format)",
    ),
    "ages_not_understood": ("age_reason", "not_understood", "Ages and birth dates that give no age, left empty"),
}

_CORRECTIONS = {
    "patients_corrected": "Images that a newer row gives to another patient number; the earlier number has lost them",
}

_TITLES = {
    "Faults": "faults",
    "Out of scope": "out_of_scope",
    "Flagged": "flags",
    "Labels to review": "label_review",
}


def listed(counts: Mapping[str, int]) -> str:
    """Return counts by name as text, the largest first."""
    return ", ".join(f"{code} {count}" for code, count in sorted(counts.items(), key=lambda item: -item[1]))
