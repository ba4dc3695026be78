"""Titles of the watched quantities."""

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.report.labels import SHORT_DISEASES
from lung_cxr.report.refresh.quality_thresholds import TITLES

PERCENTILE = "mean percentile"
SHARE = "share of images"
_OWN = {
    "rejected": "Rejected by image quality",
    "low_confidence": "Referred: low confidence",
    "unlike_training": "Referred: unlike training",
    "distance": "Feature distance",
    **{
        f"share_{column.removeprefix('p_')}": f"Predicted {SHORT_DISEASES[name]}"
        for name, column in zip(DISEASES, PROBABILITY_COLUMNS, strict=True)
    },
}


def title_of(name: str) -> str:
    """Return the title of a quantity of `contracts.WATCHED`."""
    metric = name.removeprefix("qc_")
    return _OWN.get(name) or TITLES.get(metric, metric.replace("_", " ").capitalize()).split(" (")[0]


def unit_of(name: str) -> str:
    """Return the unit of a quantity: a mean percentile in the training reference, or a share."""
    return PERCENTILE if name == "distance" or name.startswith("qc_") else SHARE
