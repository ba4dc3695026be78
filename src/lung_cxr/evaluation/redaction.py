"""Redacted text by class: black boxes that are more frequent in one class could be a cue for it."""

from typing import Any

import pandas as pd

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.drift import measure_drift
from lung_cxr.parameters import DriftParameters

CODE = "redacted"
SIDES = ("the set of images without a box", "the set of images with a box")


def is_redacted(images: pd.DataFrame) -> "pd.Series[bool]":
    """Return whether text was blacked out in each image of a manifest."""
    return images["qc_reasons"].str.split(";").map(lambda codes: CODE in codes).astype(bool)


def redaction_by_class(images: pd.DataFrame, settings: DriftParameters) -> dict[str, Any]:
    """Return the redacted images of each class, and a test whether the classes differ.

    Args:
        images: Accepted images, rows of `contracts.image_manifest`.
        settings: Permutation test over patients.

    Returns:
        `classes`: class name → `images` and `redacted`; `test`: `measure_drift` of the classes of images with a box
        against those without.
    """
    redacted = is_redacted(images)
    counts = redacted.groupby(images["label"]).agg(["size", "sum"]).reindex(DISEASES, fill_value=0)
    columns = ["patient_key", "label"]
    (test,) = measure_drift(images.loc[~redacted, columns], images.loc[redacted, columns], settings, SIDES)
    return {
        "classes": {name: {"images": int(row["size"]), "redacted": int(row["sum"])} for name, row in counts.iterrows()},
        "test": test,
    }
