"""The split of images by the subset of their patient, and the hash that identifies a split in a run."""

import hashlib

import pandas as pd

from lung_cxr import contracts

COLUMNS = list(contracts.split.columns)


def split_images(manifest: pd.DataFrame, patient_subsets: pd.DataFrame) -> pd.DataFrame:
    """Give each accepted image the subset of its patient.

    Rows keep the order in which images entered the catalogue (export, then image_id), so that a refresh appends rows
    and never inserts any, also for known patients: the pixel arrays then grow at their end.

    Raises:
        ValueError: No image was accepted, or a patient has no subset.
    """
    columns = ["image_id", "patient_key", "label", "export"]
    accepted = manifest.loc[manifest["qc_status"] == "accepted", columns].sort_values(["export", "image_id"])
    if accepted.empty:
        raise ValueError(
            f"The image manifest holds {len(manifest)} images, none of them accepted; expected at least one. See the "
            "reasons in rejected_images.parquet, then run ingestion again."
        )
    subset = accepted["patient_key"].map(patient_subsets.set_index("patient_key")["subset"])
    if subset.isna().any():
        missing = accepted.loc[subset.isna(), "patient_key"].nunique()
        raise ValueError(f"{missing} patients of the manifest are not in patient_subsets: assign the patients first.")
    return contracts.split.validate(accepted.assign(subset=subset)[COLUMNS].reset_index(drop=True))


def split_sha256(split: pd.DataFrame) -> str:
    """Return the hash of every value of the split and of its row order, 64 hex digits."""
    digest = hashlib.sha256()
    for column in COLUMNS:
        digest.update(f"{column}\n".encode())
        digest.update("\n".join(split[column].tolist()).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def holds_synthetic(split: pd.DataFrame, manifest: pd.DataFrame, known_exports: pd.DataFrame) -> bool:
    """Return True if any image of the split comes from a synthetic export.

    Args:
        split: `contracts.split`.
        manifest: `contracts.image_manifest`.
        known_exports: `contracts.known_exports`.
    """
    synthetic = known_exports.loc[known_exports["synthetic"], "export"]
    exports = manifest.set_index("image_id").loc[split["image_id"], "export"]
    return bool(exports.isin(synthetic).any())
