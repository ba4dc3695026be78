"""Patients who withdraw leave everything that is kept, and the runs that saw them are named (DESIGN §4).

Every step can be repeated, and what says whom and what to erase goes last: a run that is killed anywhere leaves a
catalogue that the next run finishes to clear. Where nobody withdraws, nothing is looked at.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.erasure import catalogue
from lung_cxr.erasure.affected_runs import affected_runs, mark_affected_runs
from lung_cxr.erasure.keyed_tables import tables_below
from lung_cxr.erasure.pixels import erase_pixels
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.keys import with_keys
from lung_cxr.imaging.emr.patient_linkage import PatientLists
from lung_cxr.training.run.file_names import FROZEN_FEATURES

NOBODY: dict[str, Any] = {"listed": 0, "not_found": 0, "rows": {}, "erased": {}, "same_pixels_left": 0}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Places:
    """Where patients' data are kept.

    Attributes:
        intermediate: `02_intermediate`.
        primary: `03_primary`.
        images: `03_primary/images`.
        journal: `02_intermediate/refresh_journal`.
        model_input: `05_model_input`.
        models: `06_models`.
        outputs: `07_model_output`.
        refresh_pages: `08_reporting/refresh_report.html`, every version.
        grad_cam: `08_reporting/grad_cam`, every version.
    """

    intermediate: Path
    primary: Path
    images: Path
    journal: Path
    model_input: Path
    models: Path
    outputs: Path
    refresh_pages: Path
    grad_cam: Path

    @property
    def named_last(self) -> list[Path]:
        """The tables that say whose an image is, in the order in which they are erased."""
        names = (self.model_input / "patient_subsets.parquet", self.intermediate / "records.parquet")
        return [*names, self.primary / "image_manifest.parquet"]


def erase_withdrawn(
    lists: PatientLists, rows: pd.DataFrame, secret: Secret, width: int | None, places: Places
) -> dict[str, Any]:
    """Erase everything of the patients who withdraw and say what was there, in counts.

    Args:
        lists: What the hospital says.
        rows: Theirs, of all exports, as `exports.read_all_rows`.
        secret: Makes the keys by which they are found.
        width: `emr.patient_id_width`.
        places: Where to look.

    Returns:
        `listed` (numbers on the list), `not_found` (numbers that no row here names, merged ones counted too, nor the
        manifest: archived, erased before, or written otherwise than in the tables), `rows` (export → rows left out),
        `erased` (what this run found and erased; all 0 where it was done before), `same_pixels_left` (images of other
        numbers that were stored with the very same pixels: somebody must look whose they are).
    """
    patients = {secret.key("patient", number) for number in lists.withdrawn}
    own = with_keys(rows, secret, width)
    named = [places.intermediate / "records.parquet", places.primary / "image_manifest.parquet"]
    known_images = catalogue.find_images(named, patients)
    images = known_images | set(own["image_id"])
    keys = patients | images | set(own["study_key"])
    manifest = _table(places.primary / "image_manifest.parquet")
    same_pixels = _same_pixels(manifest, images)
    not_found = _not_found(
        lists, set(own["patient_id"]), set() if manifest is None else set(manifest["patient_key"]), secret
    )
    split, memory = (_table(places.model_input / name) for name in ("split.parquet", "patient_subsets.parquet"))
    mark_affected_runs(places.models, places.outputs, patients, split, memory)
    erased = {"predictions": sum(catalogue.erase_rows(path, keys) for path in tables_below(places.outputs))}
    erased["pixel_arrays"] = erase_pixels(places.model_input, images)
    erased["frozen_features"] = catalogue.erase_files(places.models, f"{FROZEN_FEATURES}/*/*/*") if known_images else 0
    catalogue.erase_from_journal(Journal(places.journal), images)
    erased["refresh_pages"] = catalogue.erase_files(places.refresh_pages, "*.html") if known_images else 0
    erased["grad_cam_panels"] = catalogue.erase_files(places.grad_cam, "*.png") if known_images else 0
    erased["images"] = catalogue.erase_images(ImageStore(places.images), images)
    folders = (places.intermediate, places.primary, places.model_input)
    tables = [path for folder in folders for path in tables_below(folder) if path not in places.named_last]
    tables += [path for path in places.named_last if path.exists()]
    erased["rows_of_tables"] = sum(catalogue.erase_rows(path, keys) for path in tables)
    counts = {str(export): int(number) for export, number in rows["export"].value_counts().sort_index().items()}
    found = {"listed": lists.listed, "not_found": not_found, "rows": counts}
    return {**found, "erased": erased, "same_pixels_left": same_pixels}


def withdrawal_report(withdrawals: dict[str, Any], output_folder: Path) -> dict[str, Any]:
    """Return what was erased and every run that saw a patient who has withdrawn, and log what to do."""
    runs = affected_runs(output_folder)
    learnt = [run for run in runs if set(run["subsets"]) & {"train", "validation"}]
    if any(withdrawals["erased"].values()):
        listed = ", ".join(f"{what} {count}" for what, count in withdrawals["erased"].items())
        log.warning("Patients who withdrew were erased: %s", listed)
    if withdrawals["not_found"]:
        log.warning(
            "%d numbers of withdrawn.csv (and those merged with them) are in no row that is here, nor in the "
            "catalogue: right where they were erased before or never came; else look how the tables write them",
            withdrawals["not_found"],
        )
    if withdrawals["same_pixels_left"]:
        log.warning(
            "%d images of other patient numbers have the very pixels of one that was erased: look whose they are",
            withdrawals["same_pixels_left"],
        )
    if runs:
        log.warning(
            "%d runs saw patients who withdrew (08_reporting/withdrawal_report.json), %d of them in training or "
            "validation: a model cannot forget. Run `kedro run --pipelines splitting,training,reporting`, then delete "
            "the folders of these runs in 06_models and 07_model_output, and any copy of their models",
            len(runs),
            len(learnt),
        )
    return {**withdrawals, "affected_runs": runs}


def _not_found(lists: PatientLists, numbers: set[str], patient_keys: set[str], secret: Secret) -> int:
    """How many numbers neither rows nor catalogue name, nor any other number of the same person."""
    persons = {number: person for person in lists.persons for number in person}
    found = numbers | {number for number in lists.withdrawn if secret.key("patient", number) in patient_keys}
    return sum(found.isdisjoint(persons.get(number, (number,))) for number in lists.withdrawn)


def _same_pixels(table: pd.DataFrame | None, images: set[str]) -> int:
    if table is None:
        return 0
    own = table["image_id"].isin(images)
    pixels = set(table.loc[own, "pixel_sha256"]) - {""}
    return int((table["pixel_sha256"].isin(pixels) & ~own).sum())


def _table(path: Path) -> pd.DataFrame | None:
    return pd.read_parquet(path) if path.exists() else None
