"""Apply the QC rules of the catalogue to new images."""

import numpy as np
import pandas as pd

from lung_cxr.imaging.quality.qc_rules import QC_COLUMNS, apply_qc_rules
from lung_cxr.parameters import QualityParameters

SEEN_COLUMNS = [
    *("file_key", "qc_status", "qc_reasons", "detail", "view", "rows", "columns", "source_key", "pixel_sha256"),
    *QC_COLUMNS,
]


def with_qc_results(
    ledger: pd.DataFrame,
    thresholds: QualityParameters,
    accept_unknown_view: bool,
    burned_in_text: str,
    accept_unchecked_pixels: bool,
    side: int,
) -> pd.DataFrame:
    """Return the files with `qc_status` and `qc_reasons`, as in `contracts.new_images_seen`.

    Args:
        ledger: One row per file, `LEDGER_COLUMNS`; `image_id` is the file key.
        thresholds, accept_unknown_view, burned_in_text, accept_unchecked_pixels, side: As in `apply_qc_rules`.
    """
    table = ledger.rename(columns={"image_id": "file_key", "header_view": "view"}).assign(record_reason="")
    reasons, flags = apply_qc_rules(
        table, thresholds, accept_unknown_view, burned_in_text, accept_unchecked_pixels, side
    )
    codes = [";".join(found + flagged) for found, flagged in zip(reasons, flags, strict=True)]
    return table.assign(
        qc_status=np.where([bool(found) for found in reasons], "rejected", "accepted"),
        qc_reasons=pd.Series(codes, dtype="str"),
    )[SEEN_COLUMNS]
