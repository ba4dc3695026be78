"""Assign patients to subsets permanently: 80/10/10 of the images of each class (section III.D)."""

import hashlib
import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import DISEASES
from lung_cxr.splitting.assignments import checked_assignments
from lung_cxr.splitting.balance import Tally, place_patients

log = logging.getLogger(__name__)

UNASSIGNED = -1


class AcceptedImages(NamedTuple):
    """Accepted images of the catalogue as numbers; all arrays have shape (N,), one row per image, in any order."""

    patient: np.ndarray  # position in `patients`
    disease: np.ndarray  # position in DISEASES
    export: np.ndarray  # ordinal
    patients: pd.Index  # keys, sorted: the result is independent of the order of rows


def assign_patients(
    manifest: pd.DataFrame, previous: pd.DataFrame | None, *, seed: int, fractions: Mapping[str, float]
) -> pd.DataFrame:
    """Append the patients without a subset to the assignments.

    Exports are processed in their order, each with the images of the catalogue at that time: exports that arrive one
    after the other give the same split as exports that arrive together. A patient counts for the rarest of its classes.

    Args:
        manifest: The image manifest; only its accepted images count.
        previous: `patient_subsets` of the last run or of the hospital, or None.
        seed: Seed of the order of patients with equally many images.
        fractions: Subset → share of the images of each class.

    Returns:
        `patient_subsets`: the rows of `previous` unchanged, then new ones by export and key.

    Raises:
        PatientSubsetsError: `previous` breaks its contract.
    """
    assignments = checked_assignments(previous)
    shares = {name: fractions[name] for name in SUBSETS}
    table = append_assignments(accepted_images(manifest), assignments, "subset", shares, seed)
    log.info("patient_subsets: %s new of %s patients", f"{len(table) - len(assignments):,}", f"{len(table):,}")
    return table


def append_assignments(
    images: AcceptedImages, assignments: pd.DataFrame, column: str, shares: Mapping[Any, float], seed: int
) -> pd.DataFrame:
    """Append a row for each patient of the images that has none, export by export.

    Args:
        images: Accepted images; a known patient's images count for the balance.
        assignments: `patient_key`, `column`, `assigned_in`, `label_at_assignment`.
        column: Name of the column with the part of a patient: its subset or fold.
        shares: Part → share of the images of each class.
        seed: Seed of the order of patients with equally many images.
    """
    parts = pd.Index(list(shares))
    part = _assigned(assignments, images.patients, column, parts)
    tally = _assigned_tally(assignments, column, parts)
    appended = []
    for export in np.unique(images.export):
        _add_known(images, export, part, tally)
        new, counts = _new_patients(images, export, part)
        if len(new):
            labels = _rarest(counts, tally.images.sum(axis=1) + counts.sum(axis=0))
            order = _random_order(images.patients[new], seed)
            part[new] = place_patients(counts, labels, order, tally, list(shares.values()))
            appended.append(
                pd.DataFrame(
                    {
                        "patient_key": images.patients[new],
                        column: parts[part[new]],
                        "assigned_in": export,
                        "label_at_assignment": np.array(DISEASES)[labels],
                    }
                )
            )
    return pd.concat([assignments, *appended], ignore_index=True)


def accepted_images(manifest: pd.DataFrame) -> AcceptedImages:
    """Return the accepted images of a manifest as numbers."""
    accepted = manifest.loc[manifest["qc_status"] == "accepted", ["patient_key", "label", "export"]]
    patient, patients = accepted["patient_key"].factorize(sort=True)
    disease = pd.Index(DISEASES).get_indexer(accepted["label"])
    return AcceptedImages(patient, disease, accepted["export"].to_numpy(), patients)


def _assigned(assignments: pd.DataFrame, patients: pd.Index, column: str, parts: pd.Index) -> np.ndarray:
    """Return the position in `parts` of each patient, (P,) int8, UNASSIGNED for new patients."""
    row = pd.Index(assignments["patient_key"]).get_indexer(patients)
    assigned = parts.get_indexer(assignments[column])
    part = np.full(len(patients), UNASSIGNED, dtype=np.int8)
    part[row >= 0] = assigned[row[row >= 0]]
    return part


def _assigned_tally(assignments: pd.DataFrame, column: str, parts: pd.Index) -> Tally:
    """Count the assigned patients; the images are added export by export."""
    patients = pd.crosstab(assignments["label_at_assignment"], assignments[column])
    patients = patients.reindex(index=DISEASES, columns=parts, fill_value=0).to_numpy(dtype=np.int64, copy=True)
    return Tally(images=np.zeros_like(patients), patients=patients)


def _add_known(images: AcceptedImages, export: int, part: np.ndarray, tally: Tally) -> None:
    """Add the images of one export whose patients are assigned."""
    known = (images.export == export) & (part[images.patient] != UNASSIGNED)
    np.add.at(tally.images, (images.disease[known], part[images.patient[known]]), 1)


def _new_patients(images: AcceptedImages, export: int, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unassigned patients of one export, (P,) positions, and their images by class, (P, C)."""
    row = (images.export == export) & (part[images.patient] == UNASSIGNED)
    new, position = np.unique(images.patient[row], return_inverse=True)
    bins = position * len(DISEASES) + images.disease[row]
    counts = np.bincount(bins, minlength=len(new) * len(DISEASES))
    return new, counts.reshape(len(new), len(DISEASES))


def _rarest(counts: np.ndarray, totals: np.ndarray) -> np.ndarray:
    """Return for each patient (P,) its class with the fewest images in the catalogue; ties: the later in Table 1."""
    rarest_first = np.lexsort((-np.arange(len(totals)), totals))
    return rarest_first[np.argmax(counts[:, rarest_first] > 0, axis=1)]


def _random_order(keys: pd.Index, seed: int) -> np.ndarray:
    """Return one random number per patient, (P,) uint64, a function of its key and the seed only."""
    salt = str(seed).encode()
    digests = b"".join(hashlib.blake2b(key.encode(), key=salt, digest_size=8).digest() for key in keys.tolist())
    return np.frombuffer(digests, dtype="<u8")
