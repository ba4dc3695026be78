"""Per-image QC rules: reasons for rejection, and flags. Ingestion and prediction apply the same rules.

Rules that compare images with each other (duplicates) are in `catalogue.manifest`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from lung_cxr.contracts import QC_METRICS
from lung_cxr.parameters import QualityParameters

QC_COLUMNS = [f"qc_{metric}" for metric in QC_METRICS]
METRIC_REASONS = (
    *("too_small", "extreme_aspect_ratio", "nearly_blank", "blurred", "implausible_pixels", "too_dark", "too_bright"),
    *("rotated", "not_a_chest"),
)
"""Reasons of `metric_reasons`."""


class QcResult(NamedTuple):
    """Outcome of the QC rules, one list per image.

    Attributes:
        reasons: Reasons for rejection, the most important first; empty for an accepted image.
        flags: Remarks that do not reject the image.
    """

    reasons: list[list[str]]
    flags: list[list[str]]


def apply_qc_rules(
    table: pd.DataFrame,
    thresholds: QualityParameters,
    accept_unknown_view: bool,
    burned_in_text: str,
    accept_unchecked_pixels: bool,
    side: int,
) -> QcResult:
    """Apply the rules to each image separately.

    Args:
        table: `process_image.LEDGER_COLUMNS`, `view` (of the table, else of the header) and `record_reason` (why the
            record excludes the image; "" where it does not); optionally `pixels_kept`: a person has looked at them.
        thresholds: Thresholds of the metrics.
        accept_unknown_view: Whether to accept images of unknown view.
        burned_in_text: Text policy. `off` trusts a header that states no burned-in text; `flag` and `redact` do not.
        accept_unchecked_pixels: Whether to accept images that were not searched for text, flagged `not_looked_at`.
        side: Side of a stored image in pixels; a smaller source is flagged.
    """
    rows = list(table.assign(not_searched=_not_searched(table, burned_in_text)).itertuples(index=False))
    reasons = [_reasons(row, thresholds, accept_unknown_view, accept_unchecked_pixels) for row in rows]
    flags = [_flags(row, side, accept_unchecked_pixels) for row in rows]
    for row, found, flagged in zip(rows, reasons, flags, strict=True):
        flagged[:0] = [] if found else metric_flags(_metrics(row), thresholds)
    return QcResult(reasons, flags)


def metric_reasons(rows: int, columns: int, metrics: Mapping[str, float], thresholds: QualityParameters) -> list[str]:
    """Return the reason codes for which the size and metrics of an image reject it.

    Args:
        rows: Rows of the source image.
        columns: Columns of the source image.
        metrics: Results of `measure_quality` and `measure_chest`.
        thresholds: Thresholds of the metrics. The content is judged only if size and exposure are good.
    """
    longer, shorter = max(rows, columns), max(1, min(rows, columns))
    broken = {
        "too_small": longer < thresholds.min_side,
        "extreme_aspect_ratio": longer / shorter > thresholds.max_aspect_ratio,
        "nearly_blank": metrics["contrast"] < thresholds.min_contrast,
        "blurred": metrics["sharpness"] < thresholds.min_sharpness,
        "implausible_pixels": exceeds(metrics["sharpness"], thresholds.max_sharpness),
        "too_dark": metrics["dark_fraction"] > thresholds.max_dark_fraction,
        "too_bright": metrics["bright_fraction"] > thresholds.max_bright_fraction,
    }
    reasons = [reason for reason, is_broken in broken.items() if is_broken]
    if reasons:
        return reasons
    is_rotated = exceeds(metrics["rotation"], thresholds.max_rotation)
    if is_rotated and not exceeds(metrics["turned_foreign"], thresholds.max_non_chest_rotated):
        return ["rotated"]
    return ["not_a_chest"] if exceeds(metrics["foreign"], thresholds.max_non_chest) else []


def metric_flags(metrics: Mapping[str, float], thresholds: QualityParameters) -> list[str]:
    """Return the flags of an accepted image that a person should review.

    Args:
        metrics: Results of `measure_chest`.
        thresholds: Thresholds of the metrics.
    """
    doubtful = {
        "looks_foreign": exceeds(metrics["foreign"], thresholds.flag_non_chest),
        "looks_lateral": exceeds(metrics["lateral"], thresholds.flag_lateral),
    }
    return [flag for flag, is_so in doubtful.items() if is_so]


def exceeds(measured: float, threshold: float | None) -> bool:
    """Return whether a metric is above its threshold; False without a threshold or for NaN."""
    return threshold is not None and measured > threshold


def _not_searched(table: pd.DataFrame, burned_in_text: str) -> "pd.Series[bool]":
    """Return whether a stored image was not searched for text (-1) and the header is not trusted either."""
    by_header = (table["burned_in"] == "NO") & (burned_in_text == "off")
    by_person = table.get("pixels_kept", pd.Series(False, table.index))
    return (table["pixel_sha256"] != "") & (table["text_boxes"] < 0) & ~by_header & ~by_person


def _reasons(
    row: Any, thresholds: QualityParameters, accept_unknown_view: bool, accept_unchecked_pixels: bool
) -> list[str]:
    if row.record_reason:
        return [row.record_reason]
    if row.view == "lateral":
        return ["not_frontal"]
    if row.reason:
        return [row.reason]
    if row.not_searched and not accept_unchecked_pixels:
        return ["unchecked_pixels"]
    reasons = metric_reasons(row.rows, row.columns, _metrics(row), thresholds)
    if row.view != "unknown":
        return reasons
    reasons += ["not_frontal"] * (not reasons and exceeds(row.qc_lateral, thresholds.max_lateral))
    return reasons + ["unknown_view"] * (not accept_unknown_view)


def _metrics(row: Any) -> dict[str, float]:
    return {name: getattr(row, f"qc_{name}") for name in QC_METRICS}


def _flags(row: Any, side: int, accept_unchecked_pixels: bool) -> list[str]:
    flags = {
        "inverted": row.inverted,
        "redacted": row.text_boxes > 0,
        "not_looked_at": row.not_searched and accept_unchecked_pixels,
        "outdated": row.outdated,
        "geometry_corrected": row.geometry_corrected,
        "bits_corrected": row.bits_corrected,
        "enlarged": 0 < max(row.rows, row.columns) < side,
    }
    return [flag for flag, is_so in flags.items() if is_so]
