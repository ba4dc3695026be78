"""What speaks against an image by itself, and what should be remarked on it: for the catalogue and for new images."""

from typing import Any, NamedTuple

import pandas as pd

from lung_cxr.imaging.catalogue.process_image import NOT_LOOKED, NOTHING_SEEN
from lung_cxr.imaging.quality.metrics import exceeds, quality_faults, quality_flags
from lung_cxr.parameters import QualityParameters

METRICS = [name for name in NOTHING_SEEN if name.startswith("qc_")]


class QcResult(NamedTuple):
    """One list for each image.

    Attributes:
        reasons: Why it is not accepted, the weightiest first; empty where it is.
        flags: Remarks.
    """

    reasons: list[list[str]]
    flags: list[list[str]]


def apply_qc_rules(
    table: pd.DataFrame,
    limits: QualityParameters,
    accept_unknown_view: bool,
    burned_in_text: str,
    accept_unchecked_pixels: bool,
    side: int,
) -> QcResult:
    """Judge each image without looking at the others.

    Args:
        table: `observe.LEDGER_COLUMNS`, `view` (the table's, else the header's) and `record_reason` (why the record
            excludes the image; "" where it does not).
        limits: All thresholds.
        accept_unknown_view: Keep images whose view nobody wrote down.
        burned_in_text: `off` takes a header's word that there is none; `flag` and `redact` do not.
        accept_unchecked_pixels: Keep the others that nobody looked at, flagged `not_looked_at`.
        side: Pixels of a stored image; a smaller source is flagged.
    """
    rows = list(table.assign(not_looked_at=_not_looked_at(table, burned_in_text)).itertuples(index=False))
    reasons = [_reasons(row, limits, accept_unknown_view, accept_unchecked_pixels) for row in rows]
    flags = [_flags(row, side, accept_unchecked_pixels) for row in rows]
    for row, found, flagged in zip(rows, reasons, flags, strict=True):
        flagged[:0] = [] if found else quality_flags(_metrics(row), limits)
    return QcResult(reasons, flags)


def _not_looked_at(table: pd.DataFrame, burned_in_text: str) -> "pd.Series[bool]":
    """Which stored images nobody looked at for text, where the policy does not take the header's word for it."""
    by_header = (table["burned_in"] == "NO") & (burned_in_text == "off")
    return (table["pixel_sha256"] != "") & (table["text_boxes"] == NOT_LOOKED) & ~by_header


def _reasons(
    row: Any, limits: QualityParameters, accept_unknown_view: bool, accept_unchecked_pixels: bool
) -> list[str]:
    if row.record_reason:
        return [row.record_reason]
    if row.view == "lateral":
        return ["not_frontal"]
    if row.reason:
        return [row.reason]
    if row.not_looked_at and not accept_unchecked_pixels:
        return ["unchecked_pixels"]
    found = quality_faults(row.rows, row.columns, _metrics(row), limits)
    if row.view != "unknown":
        return found
    found += ["not_frontal"] * (not found and exceeds(row.qc_lateral, limits.max_lateral))
    return found + ["unknown_view"] * (not accept_unknown_view)


def _metrics(row: Any) -> dict[str, float]:
    return {name.removeprefix("qc_"): getattr(row, name) for name in METRICS}


def _flags(row: Any, side: int, accept_unchecked_pixels: bool) -> list[str]:
    found = {
        "inverted": row.inverted,
        "redacted": row.text_boxes > 0,
        "not_looked_at": row.not_looked_at and accept_unchecked_pixels,
        "outdated": row.outdated,
        "enlarged": 0 < max(row.rows, row.columns) < side,
    }
    return [flag for flag, is_so in found.items() if is_so]
