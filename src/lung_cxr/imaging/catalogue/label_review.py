"""Labels that contradict each other: a list for the review board (DESIGN §7). Nothing is rejected or changed for it."""

import pandas as pd

from lung_cxr.imaging.reasons import LABEL_REVIEW

LABEL_REVIEW_COLUMNS = ["image_id", "other_image_id", "label", "other_label", "reason"]


def list_label_reviews(
    records: pd.DataFrame, manifest: pd.DataFrame, compared: pd.DataFrame, min_correlation: float
) -> pd.DataFrame:
    """Return what the board should look at again.

    Args:
        records: As `contracts.records`.
        manifest: As `contracts.image_manifest`.
        compared: Candidate near duplicates, `manifest.PAIR_COLUMNS`.
        min_correlation: From which on they are near duplicates.

    Returns:
        As `contracts.label_review`: of two images with the same or nearly the same pixels and different classes, the
        one that stays and the other; of an accepted image with the board's diagnosis, the class of its code.
    """
    near = _differing(compared[compared["correlation"] >= min_correlation], manifest)
    found = [near.assign(reason="near_duplicate_labels_differ"), _exact(manifest), _codes(records, manifest)]
    listed = pd.concat([part[LABEL_REVIEW_COLUMNS].astype("str") for part in found])
    return listed.sort_values(LABEL_REVIEW_COLUMNS, ignore_index=True)


def count_label_reviews(listed: pd.DataFrame) -> dict[str, int]:
    """Return how many lines of `contracts.label_review` there are for each reason that occurs."""
    counts = listed["reason"].value_counts()
    return {reason: int(counts[reason]) for reason in LABEL_REVIEW if reason in counts}


def _exact(manifest: pd.DataFrame) -> pd.DataFrame:
    """Every exact duplicate beside the first image with its pixels, if that is sound or some other image's twin."""
    codes = manifest["qc_reasons"].str.split(";").str[0]
    is_copy = (manifest["qc_status"] == "rejected") & (codes == "exact_duplicate")
    is_first = (manifest["qc_status"] == "accepted") | (codes == "near_duplicate")
    first = manifest.loc[is_first, ["pixel_sha256", "image_id"]]
    copies = manifest.loc[is_copy, ["pixel_sha256", "image_id"]].rename(columns={"image_id": "other_image_id"})
    return _differing(first.merge(copies, on="pixel_sha256"), manifest).assign(reason="exact_duplicate_labels_differ")


def _differing(pairs: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Pairs whose classes differ, with both classes."""
    labels = manifest.set_index("image_id")["label"]
    labelled = pairs.assign(label=pairs["image_id"].map(labels), other_label=pairs["other_image_id"].map(labels))
    return labelled[labelled["label"] != labelled["other_label"]]


def _codes(records: pd.DataFrame, manifest: pd.DataFrame) -> pd.DataFrame:
    """Accepted images to which the board and the code give different classes; `other`: none of the seven."""
    accepted = manifest.loc[manifest["qc_status"] == "accepted", "image_id"]
    coded = (records["label_source"] == "diagnosis") & (records["icd10_label"] != "")
    disagreeing = coded & (records["icd10_label"] != records["label"]) & records["image_id"].isin(accepted)
    found = records.loc[disagreeing, ["image_id", "label", "icd10_label"]].rename(
        columns={"icd10_label": "other_label"}
    )
    return found.assign(other_image_id="", reason="codes_disagree")
