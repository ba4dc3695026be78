"""Erase withdrawn patients from everything that is stored, and mark the runs that used them (DESIGN §4).

Every step can be repeated, and the tables that map patients to images are erased last: the next run completes a killed
erasure.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.erasure import catalogue
from lung_cxr.erasure.affected_runs import mark_affected_runs
from lung_cxr.erasure.keyed_tables import tables_below
from lung_cxr.erasure.pixel_arrays import erase_pixels
from lung_cxr.erasure.refusals import refuse_many, refuse_similar
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import PatientLists
from lung_cxr.imaging.emr.separate_files import all_keys
from lung_cxr.training.run.file_names import FEATURE_REFERENCE, FROZEN_FEATURES

NOTHING_ERASED: dict[str, Any] = {
    "files": {},
    "listed": 0,
    "not_found": 0,
    "rows": {},
    "erased": {},
    "same_pixels_left": 0,
}


@dataclass(frozen=True)
class DataFolders:
    """Folders that hold data of patients.

    Attributes:
        intermediate: `02_intermediate`.
        primary: `03_primary`.
        images: `03_primary/images`.
        journal: `02_intermediate/refresh_journal`.
        model_input: `05_model_input`.
        models: `06_models`.
        outputs: `07_model_output`.
        reporting: `08_reporting`, with the refresh page (every version and the copy in `latest`) and the review page.
        raw: `01_raw`, which may hold a review page with originals.
        grad_cam: `08_reporting/grad_cam`, every version.
    """

    intermediate: Path
    primary: Path
    images: Path
    journal: Path
    model_input: Path
    models: Path
    outputs: Path
    reporting: Path
    raw: Path
    grad_cam: Path

    @property
    def linking_tables(self) -> list[Path]:
        """The tables that map patients to images, in the order of their erasure."""
        names = (self.model_input / "patient_subsets.parquet", self.intermediate / "records.parquet")
        return [*names, self.primary / "image_manifest.parquet"]


def erase_withdrawn(
    lists: PatientLists,
    rows: pd.DataFrame,
    secret: Secret,
    rules: PatientIdRules,
    folders: DataFolders,
    *,
    numbers: Collection[str] | None = None,
    max_fraction: float = 1.0,
    confirmed: int = 0,
) -> dict[str, Any]:
    """Erase all data of the withdrawn patients and count them.

    Args:
        lists: The hospital's lists.
        rows: Rows of the withdrawn patients in all exports, as `exports.read_all_rows`.
        secret: Secret of the pseudonyms.
        rules: The hospital's rules for patient numbers.
        folders: Folders to search.
        numbers: Numbers of all rows in normal form; None if similar numbers are different patients.
        max_fraction: `ingestion.max_withdrawn_fraction`.
        confirmed: `ingestion.confirmed_withdrawals`.

    Returns:
        `files`: each list by its place → rows. `listed`: numbers on the lists. `not_found`: numbers, linked ones
        included, that neither a row nor the manifest names (archived, erased before, or spelled in another way).
        `rows`: export → rows left out. `erased`: counts of this erasure, all 0 if it was done before.
        `same_pixels_left`: images of other numbers with the same pixels.

    Raises:
        DecisionNeededError: The lists would erase too many patients of the catalogue, or name a patient in a spelling
            that the exports do not have; nothing was erased.
    """
    spellings = {number: [number, *rules.other_spellings(number)] for number in lists.withdrawn}
    own = all_keys(rows, secret, rules)
    patients = withdrawn_patients(spellings, own, secret)
    manifest = _table(folders.primary / "image_manifest.parquet")
    known_images = catalogue.find_images(folders.linking_tables[1:], patients)
    images = known_images | set(own["image_id"])
    catalogue_patients = set() if manifest is None else set(manifest["patient_key"])
    refuse_similar(spellings, numbers, catalogue_patients, secret)
    refuse_many(len(patients & catalogue_patients), len(catalogue_patients), max_fraction, confirmed)
    found = {
        "files": dict(lists.files),
        "listed": lists.listed,
        "not_found": _not_found(lists, spellings, set(own["catalogued_id"]), catalogue_patients, secret),
        "rows": {str(export): int(number) for export, number in rows["export"].value_counts().sort_index().items()},
        "same_pixels_left": _same_pixels(manifest, images),
    }
    split, assignments = (_table(folders.model_input / name) for name in ("split.parquet", "patient_subsets.parquet"))
    mark_affected_runs(folders.models, folders.outputs, patients, split, assignments)
    keys = patients | images | set(own["study_key"])
    erased = _erase_derived(folders, keys, images, in_catalogue=bool(known_images)) | _erase_stored(
        folders, keys, images
    )
    return {**found, "erased": erased}


def withdrawn_patients(spellings: dict[str, list[str]], keyed_rows: pd.DataFrame, secret: Secret) -> set[str]:
    """Return the patient keys of withdrawn numbers.

    Args:
        spellings: Number of the lists → its spellings.
        keyed_rows: Rows of the withdrawn patients with `patient_key`, from `all_keys`.
        secret: Secret of the pseudonyms.
    """
    return {secret.key("patient", text) for texts in spellings.values() for text in texts} | {
        *keyed_rows["patient_key"]
    }


def _erase_derived(folders: DataFolders, keys: set[str], images: set[str], in_catalogue: bool) -> dict[str, int]:
    """Erase files derived from the images; files that do not name their images go if any of them was known."""
    erased = {
        "predictions": sum(catalogue.erase_rows(path, keys) for path in tables_below(folders.outputs)),
        "pixel_arrays": erase_pixels(folders.model_input, images),
    }
    unnamed = {
        "frozen_features": (folders.models, f"{FROZEN_FEATURES}/*/*/*"),
        "feature_references": (folders.models, FEATURE_REFERENCE),
        "refresh_pages": (folders.reporting, catalogue.REFRESH_PAGE),
        "review_pages": (folders.reporting, catalogue.REVIEW_PAGE),
        "grad_cam_panels": (folders.grad_cam, "*.png"),
        "prediction_overlays": (folders.outputs / "new_images", "*.png"),
    }
    for name, (folder, pattern) in unnamed.items():
        erased[name] = catalogue.erase_files(folder, pattern) if in_catalogue else 0
    (folders.raw / catalogue.REVIEW_PAGE).unlink(missing_ok=True)  # the refresh writes it again
    return erased


def _erase_stored(folders: DataFolders, keys: set[str], images: set[str]) -> dict[str, int]:
    """Erase images and rows of tables, the tables that map patients to images last."""
    catalogue.erase_from_journal(Journal(folders.journal), images)
    erased_images = catalogue.erase_images(ImageStore(folders.images), images)
    keyed = (folders.intermediate, folders.primary, folders.model_input)
    tables = [path for folder in keyed for path in tables_below(folder) if path not in folders.linking_tables]
    tables += [path for path in folders.linking_tables if path.exists()]
    return {"images": erased_images, "rows_of_tables": sum(catalogue.erase_rows(path, keys) for path in tables)}


def _not_found(
    lists: PatientLists, spellings: dict[str, list[str]], numbers: set[str], patient_keys: set[str], secret: Secret
) -> int:
    """Count numbers that neither a row nor the catalogue names, nor any linked number."""
    linked = {number: group for group in lists.linked_ids for number in group}
    found = numbers | {
        number
        for number, texts in spellings.items()
        if any(secret.key("patient", text) in patient_keys for text in texts)
    }
    return sum(found.isdisjoint(linked.get(number, (number,))) for number in lists.withdrawn)


def _same_pixels(table: pd.DataFrame | None, images: set[str]) -> int:
    if table is None:
        return 0
    own = table["image_id"].isin(images)
    pixels = set(table.loc[own, "pixel_sha256"]) - {""}
    return int((table["pixel_sha256"].isin(pixels) & ~own).sum())


def _table(path: Path) -> pd.DataFrame | None:
    return pd.read_parquet(path) if path.exists() else None
