"""Erase withdrawn patients from everything that is stored, and name the runs that used them (DESIGN §4).

Every step can be repeated, and the tables that map patients to images are erased last: the next run completes a killed
erasure.
"""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.erasure import catalogue
from lung_cxr.erasure.affected_runs import affected_runs, mark_affected_runs
from lung_cxr.erasure.keyed_tables import tables_below
from lung_cxr.erasure.pixel_arrays import erase_pixels
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.summary import DecisionNeededError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import PatientLists
from lung_cxr.imaging.emr.separate_files import all_keys
from lung_cxr.imaging.emr.similar_ids import count_similar_listed
from lung_cxr.training.run.file_names import FEATURE_REFERENCE, FROZEN_FEATURES

NOTHING_ERASED: dict[str, Any] = {
    "files": {},
    "listed": 0,
    "not_found": 0,
    "rows": {},
    "erased": {},
    "same_pixels_left": 0,
}

log = logging.getLogger(__name__)


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


def refuse_many(erased: int, patients: int, max_fraction: float, confirmed: int) -> None:
    """Refuse an erasure of many patients unless their number is confirmed: a wrong list cannot be undone.

    Args:
        erased: Patients of the catalogue that would be erased.
        patients: Patients in the catalogue.
        max_fraction: `ingestion.max_withdrawn_fraction`.
        confirmed: `ingestion.confirmed_withdrawals`.

    Raises:
        DecisionNeededError: The share is above the limit and the number is not confirmed.
    """
    if erased > max_fraction * patients and erased > confirmed:
        raise DecisionNeededError(
            f"The withdrawal lists would erase {erased} of {patients} patients of the catalogue "
            f"({erased / patients:.1%}; ingestion.max_withdrawn_fraction is {max_fraction:.1%}). Nothing was erased. "
            f"Check the lists; if they are right, run with `--params ingestion.confirmed_withdrawals={erased}`"
        )


def refuse_similar(
    spellings: Mapping[str, Sequence[str]], numbers: Collection[str] | None, patients: set[str], secret: Secret
) -> None:
    """Refuse lists with a number that differs from a patient's number only in leading zeros, case or punctuation.

    Args:
        spellings: Number of the lists → it and its other spellings.
        numbers: Numbers of all rows in normal form; None if similar numbers are different patients.
        patients: Patient keys of the catalogue.
        secret: Secret of the pseudonyms.

    Raises:
        DecisionNeededError: There is such a number: its patient would stay in the catalogue.
    """
    if numbers is not None and (similar := count_similar_listed(spellings, numbers, patients, secret)):
        raise DecisionNeededError(
            f"The withdrawal lists hold {similar} numbers that no patient has, but that equal the number of a patient "
            "except for leading zeros, case or punctuation. Nothing was erased. Correct the lists (Excel drops leading "
            "zeros), or set emr.patient_id_width or emr.patient_id_ignores; if they are other patients, set "
            "emr.accept_similar_patient_ids"
        )


def withdrawal_report(withdrawals: dict[str, Any], output_folder: Path) -> dict[str, Any]:
    """Return the counts of the erasure and every run that used a withdrawn patient; log them with the remedy."""
    runs = affected_runs(output_folder)
    if withdrawals["files"]:
        log.info("Lists of patients: %s", ", ".join(f"{place}: {n} rows" for place, n in withdrawals["files"].items()))
    trained = [run for run in runs if set(run["subsets"]) & {"train", "validation"}]
    if any(withdrawals["erased"].values()):
        counts = ", ".join(f"{name} {count}" for name, count in withdrawals["erased"].items())
        log.warning("Erased the data of withdrawn patients: %s", counts)
    if withdrawals["not_found"]:
        log.warning(
            "%d patient numbers of the withdrawal lists (linked numbers included) match no row and no image of the "
            "catalogue. Expected if they were erased before or never delivered; otherwise check their spelling",
            withdrawals["not_found"],
        )
    if withdrawals["same_pixels_left"]:
        log.warning(
            "%d images of other patient numbers have the same pixels as an erased image: check to whom they belong",
            withdrawals["same_pixels_left"],
        )
    if runs:
        log.warning(
            "%d runs used withdrawn patients (08_reporting/withdrawal_report.json), %d of them in training or "
            "validation. A model cannot unlearn a patient: run `kedro run --pipelines splitting,training,reporting`, "
            "then delete the folders of these runs in 06_models and 07_model_output, and all copies of their models",
            len(runs),
            len(trained),
        )
    return {**withdrawals, "affected_runs": runs}


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
