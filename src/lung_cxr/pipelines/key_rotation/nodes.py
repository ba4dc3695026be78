"""Node of `key_rotation`: it hands folders, rows and secrets to `lung_cxr.erasure.key_rotation`."""

import logging
from pathlib import Path

import pandas as pd

from lung_cxr.erasure import key_rotation
from lung_cxr.erasure.catalogue import erase_files, erase_images
from lung_cxr.erasure.pixels import ARRAYS, erase_pixels
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr.patient_linkage import read_patient_lists
from lung_cxr.parameters import EmrParameters, IngestionParameters, KeyRotationParameters

log = logging.getLogger(__name__)


def rotate_key(
    old: Secret,
    new: Secret,
    stored_fingerprint: str | None,
    exports: dict[str, hospital.Export],
    known: pd.DataFrame | None,
    intermediate_folder: Path,
    primary_folder: Path,
    image_folder: Path,
    journal_folder: Path,
    pixel_folder: Path,
    output_folder: Path,
    emr: EmrParameters,
    ingestion: IngestionParameters,
    parameters: KeyRotationParameters,
) -> str:
    """Rewrite the catalogue, the split and the predictions under the new key; return its fingerprint."""
    check_secret(new, None, [export.synthetic for export in exports.values()])
    if not key_rotation.check_fingerprint(stored_fingerprint, old, new):
        log.info("The catalogue has the new key already: nothing to do")
        return new.fingerprint
    if known is None or Journal(journal_folder).read():
        raise IngestionError("An interrupted refresh is not finished: run ingestion with the old key first")
    whole = emr.model_copy(update={"row_filter": {}})
    numbers = hospital.number_exports(exports.values(), known)
    rows = hospital.read_all_rows(exports, numbers, whole)
    persons = read_patient_lists(exports.values(), emr.patient_id_width).persons
    names = key_rotation.new_names(rows, (one for person in persons for one in person), old, new, emr.patient_id_width)
    tables = key_rotation.tables_of((intermediate_folder, primary_folder, pixel_folder), output_folder)
    if not parameters.drop_unknown:
        key_rotation.refuse_unknown(key_rotation.count_unknown(tables, names))
    files = hospital.files_of(exports, numbers, whole)
    sources = key_rotation.new_sources(files, old, new, ingestion.workers)
    names = key_rotation.NewNames({**names.keys, **sources}, names.images, names.shift_days)
    key_rotation.mark_under_way(intermediate_folder, old, new)
    store, unknown = ImageStore(image_folder), key_rotation.unknown_images(tables, names)
    for table in (intermediate_folder / "merged_patients.parquet", pixel_folder / ARRAYS):
        table.unlink(missing_ok=True)  # the next ingestion and splitting make them anew
    erase_files(output_folder / "new_images", "probabilities.*")  # as the next prediction does
    erase_pixels(pixel_folder, unknown)
    erase_images(store, unknown)
    for path in tables:
        if path.exists():
            key_rotation.rename_table(path, names)
    key_rotation.rename_images(store, names)
    log.info(
        "The catalogue has the new key. Put it in the place of the old one now (conf/local/credentials.yml or the "
        "variable), run ingestion and splitting, and keep the old key only as long as a backup needs it"
    )
    return new.fingerprint
