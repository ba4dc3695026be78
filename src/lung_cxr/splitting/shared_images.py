"""Patients and near duplicates of the training site among the images of another catalogue."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.imaging.quality.duplicates import near_duplicate_pairs
from lung_cxr.splitting.leaks import pair_correlations

NO_CATALOGUE = "the catalogue of the training site is not in the folder `training_site`"
OTHER_KEY = "the two catalogues have different pseudonymisation keys"


@dataclass(frozen=True)
class Catalogue:
    """Images of one hospital.

    Attributes:
        images: Accepted images: `image_id, patient_key, difference_hash, image_path`.
        folder: Folder that `image_path` is relative to.
        key: Fingerprint of the pseudonymisation key; None: unknown.
    """

    images: pd.DataFrame
    folder: Path
    key: str | None


def find_shared(
    external: Catalogue, training: Catalogue | None, *, max_bits: int, min_correlation: float
) -> dict[str, Any]:
    """Count patients and images of another hospital that are in the catalogue of the training site too.

    Two images are near duplicates by the rule of ingestion (`leaks.check_leaks`); where the training site's images are
    not stored, a close difference hash is enough.

    Args:
        external: Images of the other hospital.
        training: Images of the training site's split; None: unknown.
        max_bits: Largest Hamming distance of two difference hashes, of 256 bits.
        min_correlation: Smallest Pearson correlation.

    Returns:
        `patients` with a key of the training site (None with `patients_reason` where keys cannot be compared), and
        `near_duplicates`: images with a near duplicate (None with `near_duplicates_reason`), `confirmed`: whether the
        pixels were compared.
    """
    if training is None:
        return nothing_known(NO_CATALOGUE)
    comparable = external.key is not None and external.key == training.key
    patients = external.images["patient_key"]
    known: dict[str, Any] = {"patients": None, "patients_reason": OTHER_KEY}
    if comparable:
        known = {"patients": int(patients[patients.isin(training.images["patient_key"])].nunique())}
    return known | _near_duplicates(external, training, max_bits, min_correlation)


def _near_duplicates(external: Catalogue, training: Catalogue, max_bits: int, min_correlation: float) -> dict[str, Any]:
    both = pd.concat([training.images, external.images], ignore_index=True)
    pairs = near_duplicate_pairs(both["difference_hash"], max_bits)
    first = len(training.images)  # training images come first
    pairs = pairs[(pairs[:, 0] < first) & (pairs[:, 1] >= first)]
    paths = pd.concat([_paths(training), _paths(external)], ignore_index=True)
    confirmed = all(Path(paths[row]).is_file() for row in np.unique(pairs).tolist())
    if confirmed:
        pairs = pairs[pair_correlations(paths, pairs, Path()) >= min_correlation]
    return {"near_duplicates": int(np.unique(pairs[:, 1]).size), "confirmed": confirmed}


def _paths(catalogue: Catalogue) -> "pd.Series[Any]":
    return catalogue.images["image_path"].map(lambda path: str(catalogue.folder.absolute() / path))


def nothing_known(reason: str) -> dict[str, Any]:
    """Return the result of `find_shared` where the catalogue of the training site is not known."""
    unknown = {"patients": None, "patients_reason": reason}
    return unknown | {"near_duplicates": None, "near_duplicates_reason": reason, "confirmed": False}
