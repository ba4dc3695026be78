"""Nodes of `ingestion`. Each hands tables, folders and parameters to `lung_cxr.imaging` or `lung_cxr.erasure`.

A parameter is named like its dataset. A leading underscore marks an input that only orders nodes.
"""

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.imaging.catalogue import refresh
from lung_cxr.imaging.catalogue.decisions import Decisions, with_outcomes
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.key_check import check_key_without_fingerprint, check_secret
from lung_cxr.imaging.catalogue.label_review import list_label_reviews
from lung_cxr.imaging.catalogue.manifest import PAIR_HASHES, build_manifest, list_images
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_counts import count_refresh, counts_in_words
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.catalogue.row_numbers import with_keyed_rows
from lung_cxr.imaging.catalogue.unkeyed_ledger import key_pixel_rows, with_keyed_pixels
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr import keys, patient_linkage
from lung_cxr.imaging.emr.decision_lists import read_decisions
from lung_cxr.imaging.emr.export_tables import forget_tables, log_tables
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.pseudonymise import EarlierRun, pseudonymise
from lung_cxr.imaging.emr.records import with_earlier_notes
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters
from lung_cxr.splitting.assignments import checked_assignments

Exports = dict[str, hospital.Export]

log = logging.getLogger(__name__)


def check_key(
    pseudonymisation_key: Secret,
    previous_key_fingerprint: str | None,
    previous_image_manifest: pd.DataFrame | None,
    previous_split: pd.DataFrame | None,
    raw_exports: Exports,
    emr: EmrParameters,
) -> str:
    """Stop if the key did not make this catalogue, or if it is the public key and the patients are real."""
    synthetic = [export.synthetic for export in raw_exports.values()]
    check_secret(pseudonymisation_key, previous_key_fingerprint, synthetic)
    catalogued = [previous_image_manifest, previous_split]
    if previous_key_fingerprint is None and any(table is not None for table in catalogued):
        rows = hospital.read_all_rows(raw_exports, hospital.number_exports(raw_exports.values(), None), emr)
        check_key_without_fingerprint(pseudonymisation_key, catalogued, rows, PatientIdRules.of(emr))
    return pseudonymisation_key.fingerprint


def number_exports(
    raw_exports: Exports, previous_known_exports: pd.DataFrame | None, _key_fingerprint: str
) -> pd.DataFrame:
    """Give every new export the next ordinal; exports of earlier runs keep theirs."""
    return contracts.known_exports.validate(hospital.number_exports(raw_exports.values(), previous_known_exports))


def pseudonymise_records(
    raw_exports: Exports,
    raw_folder: Path,
    known_exports: pd.DataFrame,
    pseudonymisation_key: Secret,
    previous_patient_subsets: pd.DataFrame | None,
    previous_image_manifest: pd.DataFrame | None,
    previous_shared_images: pd.DataFrame | None,
    previous_clinical_notes: pd.DataFrame | None,
    previous_image_decisions: pd.DataFrame | None,
    emr: EmrParameters,
    icd10: Icd10Parameters,
    ingestion: IngestionParameters,
    _withdrawals: dict[str, Any],
) -> tuple[pd.DataFrame | list[str], ...]:
    """Read the EMR tables.

    Returns:
        Merged patients, compared files, identities of the rows, people's decisions, pseudonymous records, rejected
        rows, excluded images, clinical notes, and sentences about unread sheets and similar numbers.
    """
    lists = patient_linkage.read_patient_lists(raw_exports.values(), raw_folder, PatientIdRules.of(emr))
    tables = hospital.read_all_tables(raw_exports, known_exports, emr)
    log_tables(tables.facts)
    earlier = EarlierRun(
        previous_image_manifest,
        previous_shared_images,
        checked_assignments(previous_patient_subsets),
        previous_image_decisions,
    )
    identified, separated, decisions, cleaned = pseudonymise(
        tables.rows,
        lists,
        read_decisions(raw_exports.values(), raw_folder, known_exports, pseudonymisation_key),
        earlier,
        raw_exports,
        known_exports,
        pseudonymisation_key,
        emr,
        icd10.classes,
        trust_timestamps=ingestion.trust_timestamps,
    )
    hashes = KeyedHashes(pseudonymisation_key)
    return (
        contracts.merged_patients.validate(identified.merged),
        contracts.shared_images.validate(separated.shared),
        contracts.row_identities.validate(cleaned.identities),
        contracts.image_decisions.validate(decisions),
        contracts.records.validate(with_keyed_rows(cleaned.records, "source_export", hashes)),
        contracts.rejected_records.validate(with_keyed_rows(cleaned.rejected, "export", hashes)),
        cleaned.excluded,
        contracts.clinical_notes.validate(with_earlier_notes(cleaned, previous_clinical_notes, emr.keep_notes)),
        tables.notes + identified.notes,
    )


def standardise_images(
    records: pd.DataFrame,
    raw_exports: Exports,
    known_exports: pd.DataFrame,
    pseudonymisation_key: Secret,
    image_decisions: pd.DataFrame,
    previous_source_files: pd.DataFrame | None,
    previous_image_manifest: pd.DataFrame | None,
    image_folder: Path,
    refresh_journal: Path,
    emr: EmrParameters,
    ingestion: IngestionParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read, standardise and store new and changed images; return the ledger of all files and the refresh counts."""
    kept = Decisions.of(image_decisions).pixels_kept
    processor = ImageProcessor.from_parameters(ingestion, ImageStore(image_folder), pseudonymisation_key, kept)
    to_read = records[records["view"] != "lateral"]
    paths = keys.key_paths(hospital.read_image_paths(raw_exports, known_exports, emr), pseudonymisation_key)
    forget_tables()  # no later step needs them
    journal = Journal(refresh_journal)
    ledger = refresh.read_ledger(previous_source_files, journal, processor.hashes)
    files = hospital.locate_images(to_read, raw_exports, known_exports, paths)
    plan = plan_refresh(files, ledger, processor, ingestion.trust_timestamps)
    del files, paths  # a hundred megabytes at 100,000 images
    log.info(plan.in_words())
    source_files = refresh.carry_out(plan, ledger, processor, journal, ingestion.workers)
    before = with_keyed_pixels(previous_image_manifest, ["pixel_sha256"], source_files, processor.hashes)
    counts = count_refresh(records, plan, source_files, before)
    log.info(counts_in_words(counts))
    return source_files, counts


def apply_qc(
    records: pd.DataFrame,
    excluded_images: pd.DataFrame,
    row_identities: pd.DataFrame,
    image_decisions: pd.DataFrame,
    merged_patients: pd.DataFrame,
    source_files: pd.DataFrame,
    previous_image_manifest: pd.DataFrame | None,
    previous_compared_images: pd.DataFrame | None,
    image_folder: Path,
    refresh_journal: Path,
    pixel_folder: Path,
    pseudonymisation_key: Secret,
    ingestion: IngestionParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, list[str]]]:
    """Accept or reject every image.

    Returns:
        Manifest, rejections, near duplicates, label review, outcomes of the decisions, and header check.
    """
    Journal(refresh_journal).clear()  # `source_files` is saved by now
    decided = Decisions.of(image_decisions)
    images = list_images(records, excluded_images, previous_image_manifest, merged_patients, decided)
    hashes = KeyedHashes(pseudonymisation_key)
    key_pixel_rows(pixel_folder, source_files, hashes)
    compared = with_keyed_pixels(previous_compared_images, PAIR_HASHES, source_files, hashes)
    store = ImageStore(image_folder)
    manifest = build_manifest(images, source_files, ingestion, store, compared, row_identities, decided)
    label_review = list_label_reviews(
        records, manifest.images, manifest.compared, ingestion.quality.near_duplicate_correlation
    )
    return (
        contracts.image_manifest.validate(manifest.images),
        contracts.rejected_images.validate(manifest.rejected),
        manifest.compared,
        contracts.label_review.validate(label_review),
        contracts.image_decisions.validate(with_outcomes(image_decisions, manifest.images)),
        manifest.not_compared,
    )


def delete_orphans(image_manifest: pd.DataFrame, refresh_counts: dict[str, Any], image_folder: Path) -> None:
    """Delete stored images that no row of the manifest names.

    A killed run leaves one when its record is withdrawn before the next run. Without an earlier manifest the images
    stay: the manifest may have been moved away and may come back.
    """
    stored = set(image_manifest.loc[image_manifest["image_path"] != "", "image_id"].tolist())
    is_first = refresh_counts["accepted_by_class_before"] is None
    if orphans := ImageStore(image_folder).delete_orphans(None if is_first else stored):
        log.info("Deleted %d stored images that no row of the manifest names", orphans)
