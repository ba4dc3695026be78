"""Whether an export is too broken to go on with: the run fails, and the split waits, since it is for ever.

A patient keeps its subset, so the patients of an export with half its files missing must not get one. The catalogue
itself is saved all the same: a mended export only adds to it.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from lung_cxr.imaging.catalogue.summary import IngestionError, listed

JUDGED = ["pixel_sha256", "label", "export", "qc_status"]  # what a split is made of; pseudonyms may be made anew


def check_faults(by_export: Mapping[str, Mapping[str, Any]], manifest: pd.DataFrame, allowed: float) -> dict[str, Any]:
    """Compare the faults of every export with what is allowed.

    Args:
        by_export: Of `summarise`.
        manifest: The image manifest that was judged with them.
        allowed: `ingestion.max_fault_fraction`.

    Returns:
        `passed`; `allowed`; `manifest`, by which the split knows what was checked; and `broken`: ordinal, as text for
        JSON, → rows, faults by reason and fault fraction of the exports above it.
    """
    broken = {number: dict(counted) for number, counted in by_export.items() if counted["fault_fraction"] > allowed}
    return {"passed": not broken, "allowed": allowed, "manifest": _digest(manifest), "broken": broken}


def fail_on_faults(check: Mapping[str, Any]) -> None:
    """Fail where any one export has too many faults.

    Raises:
        IngestionError: With the numbers of those exports and the counts by reason.
    """
    if check["passed"]:
        return
    raise IngestionError(
        f"Too many faults. {_in_words(check)}. Everything good was saved; the rows are listed in "
        "02_intermediate/rejected_records.parquet and rejected_images.parquet. No patient gets a subset until it is "
        "mended: mend the export, or raise ingestion.max_fault_fraction, and run ingestion again"
    )


def require_passed(check: Mapping[str, Any], manifest: pd.DataFrame) -> None:
    """Let nobody be assigned to a subset for ever on the ground of a broken export.

    Raises:
        IngestionError: The check did not pass, or was of another manifest: ingestion did not come to its end.
    """
    if not check["passed"]:
        raise IngestionError(
            f"No patient is assigned to a subset: the last ingestion found too many faults. {_in_words(check)}. Mend "
            "the export, or raise ingestion.max_fault_fraction, then run ingestion again"
        )
    if check["manifest"] != _digest(manifest):
        raise IngestionError(
            "No patient is assigned to a subset: the faults that were counted are not those of this image manifest; "
            "expected both of one run. Run ingestion again, to its end"
        )


def _in_words(check: Mapping[str, Any]) -> str:
    return "; ".join(
        f"export {number}: {sum(counted['faults'].values())} of {counted['rows']} rows are faulty "
        f"({counted['fault_fraction']:.1%}, allowed {check['allowed']:.1%}): {listed(counted['faults'])}"
        for number, counted in check["broken"].items()
    )


def _digest(manifest: pd.DataFrame) -> str:
    """The same for the same images in any order."""
    columns = (manifest[name].astype("str") for name in JUDGED)
    rows = sorted(" ".join(row) for row in zip(*columns, strict=True))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()
