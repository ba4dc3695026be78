"""Per-image QC rules: reasons for rejection, and flags. Ingestion and prediction apply the same rules.

Rules that compare images with each other (duplicates) are in `catalogue.manifest`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from lung_cxr.contracts import QC_METRICS
from lung_cxr.imaging.quality.quality_metrics import exceeds
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
    not_searched = _not_searched(table, burned_in_text)
    found = metric_reasons(table, thresholds)
    is_unknown = table["view"] == "unknown"
    is_lateral = exceeds(table["qc_lateral"], thresholds.max_lateral)
    found["not_frontal"] = is_unknown & is_lateral & ~found.any(axis=1)
    found["unknown_view"] = is_unknown & (not accept_unknown_view)
    decisive = [
        *((table["record_reason"] != "", table["record_reason"]), (table["view"] == "lateral", "not_frontal")),
        *((table["reason"] != "", table["reason"]), (not_searched & (not accept_unchecked_pixels), "unchecked_pixels")),
    ]
    alone = pd.Series("", table.index, dtype="str")
    for is_decided, code in reversed(decisive):
        alone = alone.mask(is_decided, code)
    reasons = [[code] if code else codes for code, codes in zip(alone.tolist(), _listed(found), strict=True)]
    is_accepted = np.array([not codes for codes in reasons], dtype=bool)
    longer = table[["rows", "columns"]].max(axis=1)
    remarks = {name: table[name].astype(bool) for name in ("outdated", "geometry_corrected", "bits_corrected")}
    flags = metric_flags(table, thresholds).apply(lambda flag: flag & is_accepted)
    flags = flags.assign(
        inverted=table["inverted"].astype(bool),
        redacted=table["text_boxes"] > 0,
        not_looked_at=not_searched & accept_unchecked_pixels,
        **remarks,
        enlarged=(longer > 0) & (longer < side),
    )
    return QcResult(reasons, _listed(flags))


def metric_reasons(table: pd.DataFrame, thresholds: QualityParameters) -> pd.DataFrame:
    """Return whether size and metrics of each image reject it: one column per reason, the most important first.

    Args:
        table: `rows, columns` (pixels of the source) and `QC_COLUMNS`, NaN where nothing was measured.
        thresholds: Thresholds of the metrics. The content is judged only if size and exposure are good.
    """
    metrics = {name: table[f"qc_{name}"] for name in QC_METRICS}
    sides = table[["rows", "columns"]]
    longer, shorter = sides.max(axis=1), sides.min(axis=1).clip(lower=1)
    broken = pd.DataFrame(
        {
            "too_small": longer < thresholds.min_side,
            "extreme_aspect_ratio": longer / shorter > thresholds.max_aspect_ratio,
            "nearly_blank": metrics["contrast"] < thresholds.min_contrast,
            "blurred": metrics["sharpness"] < thresholds.min_sharpness,
            "implausible_pixels": exceeds(metrics["sharpness"], thresholds.max_sharpness),
            "too_dark": metrics["dark_fraction"] > thresholds.max_dark_fraction,
            "too_bright": metrics["bright_fraction"] > thresholds.max_bright_fraction,
        }
    )
    is_good = ~broken.any(axis=1)
    is_rotated = is_good & exceeds(metrics["rotation"], thresholds.max_rotation)
    is_rotated &= ~exceeds(metrics["turned_foreign"], thresholds.max_non_chest_rotated)
    is_foreign = is_good & ~is_rotated & exceeds(metrics["foreign"], thresholds.max_non_chest)
    return broken.assign(rotated=is_rotated, not_a_chest=is_foreign)


def metric_flags(table: pd.DataFrame, thresholds: QualityParameters) -> pd.DataFrame:
    """Return whether a person should review each image if it is accepted: one column per flag.

    Args:
        table: `QC_COLUMNS`, NaN where nothing was measured.
        thresholds: Thresholds of the metrics.
    """
    return pd.DataFrame(
        {
            "looks_foreign": exceeds(table["qc_foreign"], thresholds.flag_non_chest),
            "looks_lateral": exceeds(table["qc_lateral"], thresholds.flag_lateral),
        }
    )


def _not_searched(table: pd.DataFrame, burned_in_text: str) -> "pd.Series[bool]":
    """Return whether a stored image was not searched for text (-1) and the header is not trusted either."""
    by_header = (table["burned_in"] == "NO") & (burned_in_text == "off")
    by_person = table.get("pixels_kept", pd.Series(False, table.index))
    return (table["pixel_sha256"] != "") & (table["text_boxes"] < 0) & ~by_header & ~by_person


def _listed(codes: pd.DataFrame) -> list[list[str]]:
    """Return the names of the columns that are True, for each row."""
    listed: list[list[str]] = [[] for _ in range(len(codes))]
    for code in codes:
        for position in np.flatnonzero(codes[code]):
            listed[position].append(str(code))
    return listed
