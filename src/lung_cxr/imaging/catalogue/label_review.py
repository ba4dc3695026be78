"""List contradicting labels for the review board; no image is rejected or changed because of it."""

import pandas as pd

from lung_cxr.imaging.catalogue.patient_conflicts import CONFLICT
from lung_cxr.imaging.reasons import LABEL_REVIEW, first_codes
from lung_cxr.text_columns import is_in

LABEL_REVIEW_COLUMNS = ["image_id", "other_image_id", "label", "other_label", "reason"]


def list_label_reviews(
    records: pd.DataFrame, manifest: pd.DataFrame, compared: pd.DataFrame, min_correlation: float
) -> pd.DataFrame:
    """Return the labels that the board should review.

    Args:
        records: As `contracts.records`.
        manifest: As `contracts.image_manifest`.
        compared: Pairs of candidate near duplicates, with `manifest.PAIR_COLUMNS`.
        min_correlation: Minimum correlation of near duplicates.

    Returns:
        As `contracts.label_review`: pairs of images with identical or nearly identical pixels and different classes,
        the kept image first; pairs of images with identical pixels and different patients; pairs of accepted
        images of one study and different classes; and accepted images whose consensus diagnosis and ICD-10 codes
        give different classes.
    """
    near = _differing(compared[compared["correlation"] >= min_correlation], manifest)
    found = [
        near.assign(reason="near_duplicate_labels_differ"),
        _exact(manifest),
        _patients(manifest),
        _studies(manifest),
    ]
    found.append(_codes(records, manifest))
    listed = pd.concat([part[LABEL_REVIEW_COLUMNS].astype("str") for part in found])
    return listed.sort_values(LABEL_REVIEW_COLUMNS, ignore_index=True)


def count_label_reviews(listed: pd.DataFrame) -> dict[str, int]:
    """Return the number of lines of `contracts.label_review` for each reason that occurs."""
    counts = listed["reason"].value_counts()
    return {reason: int(counts[reason]) for reason in LABEL_REVIEW if reason in counts}


def _exact(manifest: pd.DataFrame) -> pd.DataFrame:
    """Pair every exact duplicate with the first image of the same pixels, if that is accepted or a near duplicate."""
    codes = first_codes(manifest["qc_reasons"])
    is_copy = (manifest["qc_status"] == "rejected") & (codes == "exact_duplicate")
    is_first = (manifest["qc_status"] == "accepted") | (codes == "near_duplicate")
    first = manifest.loc[is_first, ["pixel_sha256", "image_id"]]
    copies = manifest.loc[is_copy, ["pixel_sha256", "image_id"]].rename(columns={"image_id": "other_image_id"})
    return _differing(first.merge(copies, on="pixel_sha256"), manifest).assign(reason="exact_duplicate_labels_differ")


def _patients(manifest: pd.DataFrame) -> pd.DataFrame:
    """Pair the first image of each conflict between patients with its other images."""
    codes = first_codes(manifest["qc_reasons"])
    conflicts = manifest.loc[codes == CONFLICT, ["pixel_sha256", "image_id", "label"]]
    first = conflicts.drop_duplicates("pixel_sha256")
    others = conflicts.rename(columns={"image_id": "other_image_id", "label": "other_label"})
    pairs = first.merge(others, on="pixel_sha256")
    pairs = pairs[pairs["image_id"] != pairs["other_image_id"]]
    return pairs.assign(reason="exact_duplicate_patients_differ")


def _studies(manifest: pd.DataFrame) -> pd.DataFrame:
    """Pair the first accepted image of each study with those of another class."""
    images = manifest.loc[manifest["qc_status"] == "accepted", ["study_key", "image_id"]].sort_values("image_id")
    others = images.rename(columns={"image_id": "other_image_id"})
    pairs = images.drop_duplicates("study_key").merge(others, on="study_key")
    return _differing(pairs, manifest).assign(reason="study_labels_differ")


def _differing(pairs: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs whose classes differ, with both classes."""
    labels = manifest.set_index("image_id")["label"]
    labelled = pairs.assign(label=pairs["image_id"].map(labels), other_label=pairs["other_image_id"].map(labels))
    return labelled[labelled["label"] != labelled["other_label"]]


def _codes(records: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Return accepted images whose diagnosis and codes give different classes; `other`: none of the seven."""
    accepted = manifest.loc[manifest["qc_status"] == "accepted", "image_id"]
    coded = (records["label_source"] == "diagnosis") & (records["icd10_label"] != "")
    disagreeing = coded & (records["icd10_label"] != records["label"]) & is_in(records["image_id"], accepted)
    found = records.loc[disagreeing, ["image_id", "label", "icd10_label"]].rename(
        columns={"icd10_label": "other_label"}
    )
    return found.assign(other_image_id="", reason="codes_disagree")
