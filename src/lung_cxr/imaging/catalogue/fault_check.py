"""Fail the run, and block the split, if an export has too many faults.

Subset assignments are permanent, so the patients of a broken export must not get one. The catalogue itself is saved:
a corrected export only adds to it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.exit_codes import ExitCode
from lung_cxr.imaging.catalogue.summary import DecisionNeededError, IngestionError, listed

BLOCKING = {
    "similar_patient_id": "similar_patient_id counts rows of new patient numbers that equal others except for leading "
    "zeros, case, blanks or punctuation. If a spreadsheet removed the zeros, deliver the table again with them, or set "
    "emr.patient_id_width; if they are the same patients, set emr.patient_id_ignores (case, punctuation) or add them "
    "to patient_aliases.csv; if they are other patients, set emr.accept_similar_patient_ids"
}
"""Faults that block the split in any number, and their remedy: each would put one patient in two subsets."""


class TooManyFaultsError(IngestionError):
    """An export has too many faults."""

    exit_code = ExitCode.FAULTS


SPLIT_COLUMNS = ["pixel_sha256", "label", "export", "qc_status"]  # input of the split; keys change with their rotation


def check_faults(by_export: Mapping[str, Mapping[str, Any]], manifest: pd.DataFrame, allowed: float) -> dict[str, Any]:
    """Compare the fault fraction of every export with its limit.

    Args:
        by_export: `by_export` of `summarise`.
        manifest: Image manifest of the same run.
        allowed: `ingestion.max_fault_fraction`.

    Returns:
        `passed`; `allowed`; `manifest`: digest of the checked manifest, which the split compares; `broken`: ordinal (as
        text, for JSON) → rows, faults by reason and fault fraction of each export above the limit or with a fault of
        `BLOCKING`.
    """
    broken = broken_exports(by_export, allowed)
    return {"passed": not broken, "allowed": allowed, "manifest": _digest(manifest), "broken": broken}


def broken_exports(by_export: Mapping[str, Mapping[str, Any]], allowed: float) -> dict[str, dict[str, Any]]:
    """Return the exports above the limit or with a fault of `BLOCKING`; for the arguments see `check_faults`."""
    return {
        number: dict(counted)
        for number, counted in by_export.items()
        if counted["fault_fraction"] > allowed or counted["faults"].keys() & BLOCKING.keys()
    }


def fail_on_faults(check: Mapping[str, Any]) -> None:
    """Fail if any export has too many faults.

    Raises:
        TooManyFaultsError: An export is above the limit; the message gives its number and its counts by reason.
        DecisionNeededError: Every export is below the limit, but has a fault of `BLOCKING`.
    """
    if check["passed"]:
        return
    raise _error(check)(
        f"{_title(check)}: {_in_words(check)}. All good images were saved; "
        "02_intermediate/rejected_records.parquet and rejected_images.parquet list the faulty rows. No patient is "
        f"assigned to a subset. {_remedy(check)}, and run ingestion again"
    )


def require_passed(
    check: Mapping[str, Any], manifest: pd.DataFrame, refused: str = "No patient is assigned to a subset"
) -> None:
    """Refuse a permanent subset assignment, or an evaluation, on the basis of a broken export.

    Args:
        check: `fault_check`.
        manifest: `contracts.image_manifest`.
        refused: Beginning of the message.

    Raises:
        IngestionError: The check failed, or it belongs to another manifest because ingestion did not finish.
    """
    if not check["passed"]:
        raise _error(check)(
            f"{refused}. {_title(check)} since the last ingestion: {_in_words(check)}. "
            f"{_remedy(check)}, and run ingestion again"
        )
    if check["manifest"] != _digest(manifest):
        raise IngestionError(
            f"{refused}: the fault check and the image manifest are of different runs. "
            "Run ingestion again until it finishes"
        )


def _in_words(check: Mapping[str, Any]) -> str:
    return "; ".join(
        f"export {number}: {sum(counted['faults'].values())} of {counted['rows']} rows are faulty "
        f"({counted['fault_fraction']:.1%}, allowed {check['allowed']:.1%}): {listed(counted['faults'])}"
        for number, counted in check["broken"].items()
    )


def _remedy(check: Mapping[str, Any]) -> str:
    found = {code for counted in check["broken"].values() for code in counted["faults"]}
    remedies = [remedy for code, remedy in BLOCKING.items() if code in found]
    return ". ".join(remedies + ["Correct the export, or raise ingestion.max_fault_fraction"] * _is_above(check))


def is_above(counted: Mapping[str, Any], allowed: float) -> bool:
    """Return whether an export has too many faults apart from those of `BLOCKING`, which no limit allows."""
    others = sum(count for code, count in counted["faults"].items() if code not in BLOCKING)
    return others > allowed * counted["rows"]


def _is_above(check: Mapping[str, Any]) -> bool:
    return any(is_above(counted, check["allowed"]) for counted in check["broken"].values())


def _title(check: Mapping[str, Any]) -> str:
    return "Too many faults" if _is_above(check) else "A person must decide"


def _error(check: Mapping[str, Any]) -> type[IngestionError]:
    return TooManyFaultsError if _is_above(check) else DecisionNeededError


def _digest(manifest: pd.DataFrame) -> str:
    """Return a digest that does not depend on the order of the images."""
    columns = (manifest[name].astype("str").tolist() for name in SPLIT_COLUMNS)
    rows = sorted(" ".join(row) for row in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
