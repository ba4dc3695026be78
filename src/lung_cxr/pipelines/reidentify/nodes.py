"""Node of `reidentify`: it checks the key, finds the rows and writes a line into the audit log."""

import logging
from pathlib import Path

import pandas as pd

from lung_cxr import audit_log
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.catalogue.reidentification import image_keys, rows_of_images
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.parameters import EmrParameters, ReidentifyParameters

log = logging.getLogger(__name__)


def find_rows(
    pseudonymisation_key: Secret,
    previous_key_fingerprint: str | None,
    raw_exports: dict[str, hospital.Export],
    previous_known_exports: pd.DataFrame | None,
    intermediate_folder: Path,
    emr: EmrParameters,
    reidentify: ReidentifyParameters,
) -> pd.DataFrame:
    """Return export, table, row and path of every listed image; each call is a line of the audit log."""
    check_secret(pseudonymisation_key, previous_key_fingerprint, [export.synthetic for export in raw_exports.values()])
    images = image_keys(reidentify.images)
    unfiltered = emr.model_copy(update={"row_filter": {}})
    known = hospital.number_exports(raw_exports.values(), previous_known_exports)
    rows = hospital.read_all_rows(raw_exports, known, unfiltered)
    line = {"command": "reidentify", "images": len(images)}
    audit_log.append(intermediate_folder / audit_log.AUDIT_LOG, line)  # before any row is given
    found = rows_of_images(images, rows, known, pseudonymisation_key, PatientIdRules.of(emr))
    log.info("Found rows of %d of %d images: 01_raw/reidentified.csv", found["image"].nunique(), len(images))
    return found
