"""Node of `key_rotation`: it passes raw rows, folders and secrets to `lung_cxr.erasure.key_rotation`."""

import logging
from pathlib import Path

import pandas as pd

from lung_cxr.erasure.catalogue import REVIEW_PAGE
from lung_cxr.erasure.key_rotation import RotatedFolders, check_fingerprint, rotate
from lung_cxr.erasure.new_keys import new_keys
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr.decision_lists import find_decision_lists
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import read_patient_lists
from lung_cxr.parameters import EmrParameters, IngestionParameters, KeyRotationParameters

log = logging.getLogger(__name__)


def rotate_key(
    pseudonymisation_key: Secret,
    new_pseudonymisation_key: Secret,
    previous_key_fingerprint: str | None,
    raw_exports: dict[str, hospital.Export],
    raw_folder: Path,
    previous_known_exports: pd.DataFrame | None,
    refresh_journal: Path,
    intermediate_folder: Path,
    primary_folder: Path,
    image_folder: Path,
    pixel_folder: Path,
    output_folder: Path,
    reporting_folder: Path,
    emr: EmrParameters,
    ingestion: IngestionParameters,
    key_rotation: KeyRotationParameters,
) -> str:
    """Rewrite the catalogue, the split and the predictions under the new key; return its fingerprint."""
    old, new = pseudonymisation_key, new_pseudonymisation_key
    check_secret(new, None, [export.synthetic for export in raw_exports.values()])
    if not check_fingerprint(previous_key_fingerprint, old, new):
        log.info("The catalogue has the new key already: nothing to do")
        return new.fingerprint
    if previous_known_exports is None or Journal(refresh_journal).read():
        raise IngestionError("An interrupted refresh is unfinished. Run ingestion with the old key first")
    unfiltered = emr.model_copy(update={"row_filter": {}})
    ordinals = hospital.number_exports(raw_exports.values(), previous_known_exports)
    rows = hospital.read_all_rows(raw_exports, ordinals, unfiltered)
    rules = PatientIdRules.of(emr)
    linked_ids = read_patient_lists(raw_exports.values(), raw_folder, rules).linked_ids
    names = new_keys(rows, (number for group in linked_ids for number in group), old, new, rules)
    files = hospital.files_of(raw_exports, ordinals, unfiltered)
    rewritten = (intermediate_folder, primary_folder, image_folder, pixel_folder, output_folder, reporting_folder)
    folders = RotatedFolders(*rewritten)
    rotate(
        names,
        files,
        old,
        new,
        folders,
        drop_unknown=key_rotation.drop_unknown,
        workers=ingestion.workers,
        decision_lists=find_decision_lists(raw_exports.values(), raw_folder),
    )
    (raw_folder / REVIEW_PAGE).unlink(missing_ok=True)  # it names images by their old keys
    log.info(
        "The catalogue has the new key. Replace the old key by it now (conf/local/credentials.yml or the variable), "
        "run ingestion and splitting, and keep the old key only as long as a backup needs it"
    )
    return new.fingerprint
