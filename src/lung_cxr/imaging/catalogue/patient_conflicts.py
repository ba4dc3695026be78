"""Images with the same pixels under different patients: a corrected patient number, or a conflict.

A newer row that gives the same file another patient number is a correction: the image leaves the earlier patient.
Everything else is a conflict: no rule can tell to whom the image belongs, so that no patient keeps it.
"""

import numpy as np
import pandas as pd

CORRECTED = "patient_corrected"
CONFLICT = "pixels_of_two_patients"


def add_patient_conflicts(table: pd.DataFrame, reasons: list[list[str]]) -> None:
    """Reject images of an earlier patient number, and all images with the same pixels under several patients.

    Args:
        table: `pixel_sha256, source_key, patient_key` of every image; `source_export, file_key` of images that a row of
            a present export names, else NaN. Index: 0 to n − 1.
        reasons: Reasons of each image; images with a reason are not compared.
    """
    candidates = table[np.array([not found for found in reasons], dtype=bool)]
    candidates = candidates[candidates["pixel_sha256"] != ""]
    patients = candidates.groupby("pixel_sha256")["patient_key"].transform("nunique")
    for _, group in candidates[patients > 1].groupby("pixel_sha256"):
        present = group[~_is_corrected(group)]
        for position in group.index.difference(present.index):
            reasons[position].append(CORRECTED)
        if present["patient_key"].nunique() > 1:
            for position in present.index:
                reasons[position].append(CONFLICT)


def _is_corrected(group: pd.DataFrame) -> "pd.Series[bool]":
    """Return True for images whose file a newer row gives to another patient.

    An image without a row is older than every row; of two rows with one path, that of the later export is newer.
    """
    corrected = pd.Series(False, index=group.index)
    for position, image in group.iterrows():
        others = group[(group["patient_key"] != image["patient_key"]) & (group["source_key"] == image["source_key"])]
        if pd.isna(image["source_export"]):
            newer = others["source_export"].notna()
        else:
            newer = (others["file_key"] == image["file_key"]) & (others["source_export"] > image["source_export"])
        corrected[position] = image["source_key"] != "" and newer.any()
    return corrected
