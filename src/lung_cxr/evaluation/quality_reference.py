"""Distribution of the QC metrics of a catalogue, with which later batches of images are compared."""

from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.contracts import QC_METRICS
from lung_cxr.evaluation.feature_distance import QUANTILES
from lung_cxr.imaging.quality.qc_rules import METRIC_REASONS


def describe_quality(manifest: pd.DataFrame) -> dict[str, Any]:
    """Return the distribution of each QC metric over the accepted images, and the share of rejected images.

    Args:
        manifest: `contracts.image_manifest`.

    Returns:
        `images` and `patients` (accepted ones), `rejected` (see `rejected_by_quality`), and `metrics`: name → quantiles
        0 %, 1 % … 100 %. A metric that was measured on no image is left out.
    """
    accepted = manifest[manifest["qc_status"] == "accepted"]
    known = {metric: accepted[f"qc_{metric}"].dropna() for metric in QC_METRICS}
    levels = np.linspace(0, 1, QUANTILES)
    return {
        "images": len(accepted),
        "patients": int(accepted["patient_key"].nunique()),
        "rejected": float(rejected_by_quality(manifest).mean()),
        "metrics": {name: np.quantile(values, levels).tolist() for name, values in known.items() if len(values)},
    }


def rejected_by_quality(images: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether each image that could be judged by its metrics was rejected by them.

    Args:
        images: Rows with `qc_status, qc_reasons`. Images that were rejected for another reason, such as a lateral view,
            are left out: their share depends on the files that were sent.
    """
    first = images["qc_reasons"].str.split(";").str[0]
    rejected = (images["qc_status"] == "rejected") & first.isin(METRIC_REASONS)
    return rejected[rejected | (images["qc_status"] == "accepted")]
