"""Nodes of `ingestion`: they hand tables, files and settings to `lung_cxr.imaging`."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr import contracts
from lung_cxr.erasure import withdrawal
from lung_cxr.imaging.catalogue import fault_check, label_review, manifest, refresh, summary
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.key_check import check_secret
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_counts import count_refresh, counts_in_words
from lung_cxr.imaging.catalogue.refresh_plan import plan_refresh
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr import keys, patient_linkage, records
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters, IngestionReportParameters
from lung_cxr.splitting.assignments import checked_assignments

Exports = dict[str, hospital.Export]

log = logging.getLogger(__name__)


def check_key(secret: Secret, previous_fingerprint: str | None, exports: Exports) -> str:
    """Stop before anything is read if the key is not the catalogue's, or is public and the patients are not."""
    check_secret(secret, previous_fingerprint, [export.synthetic for export in exports.values()])
    return secret.fingerprint


def number_exports(exports: Exports, previous: pd.DataFrame | None, _key_fingerprint: str) -> pd.DataFrame:
    """Give every new export the next ordinal; those of earlier runs keep theirs."""
    return contracts.known_exports.validate(hospital.number_exports(exports.values(), previous))


def erase_withdrawn(
    exports: Exports,
    known: pd.DataFrame,
    secret: Secret,
    intermediate_folder: Path,
    primary_folder: Path,
    image_folder: Path,
    journal_folder: Path,
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    refresh_pages_folder: Path,
    grad_cam_folder: Path,
    emr: EmrParameters,
) -> dict[str, Any]:
    """Erase all that is kept of patients who withdraw, before anything else is done."""
    lists = patient_linkage.read_patient_lists(exports.values(), emr.patient_id_width)
    if not lists.withdrawn:
        return withdrawal.NOBODY
    rows = hospital.read_all_rows(exports, known, emr)
    own = rows[lists.withdrawn_rows(rows, emr.patient_id_width)]
    places = withdrawal.Places(
        intermediate=intermediate_folder,
        primary=primary_folder,
        images=image_folder,
        journal=journal_folder,
        model_input=pixel_folder,
        models=model_folder,
        outputs=output_folder,
        refresh_pages=refresh_pages_folder,
        grad_cam=grad_cam_folder,
    )
    return withdrawal.erase_withdrawn(lists, own, secret, emr.patient_id_width, places)


def report_withdrawals(withdrawals: dict[str, Any], output_folder: Path) -> dict[str, Any]:
    """Name the runs that saw patients who withdrew, and what was erased, in counts."""
    return withdrawal.withdrawal_report(withdrawals, output_folder)


def merge_patients(
    exports: Exports,
    secret: Secret,
    previous_subsets: pd.DataFrame | None,
    _withdrawals: dict[str, Any],
    emr: EmrParameters,
) -> pd.DataFrame:
    """Say under which key merged patient numbers go; who was assigned to a subset keeps it."""
    lists = patient_linkage.read_patient_lists(exports.values(), emr.patient_id_width)
    return contracts.merged_patients.validate(
        patient_linkage.merge_patients(lists, secret, checked_assignments(previous_subsets))
    )


def pseudonymise_records(
    exports: Exports,
    known: pd.DataFrame,
    secret: Secret,
    merged: pd.DataFrame,
    previous_notes: pd.DataFrame | None,
    emr: EmrParameters,
    icd10: Icd10Parameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Read the EMR tables; return pseudonymous records, rejected rows, the images they exclude and scrubbed notes."""
    rows = hospital.read_all_rows(exports, known, emr)
    lists = patient_linkage.read_patient_lists(exports.values(), emr.patient_id_width)
    rows = rows[~lists.withdrawn_rows(rows, emr.patient_id_width)]
    cleaned = records.clean_records(rows, secret, merged, emr, icd10.classes)
    return (
        contracts.records.validate(cleaned.records),
        contracts.rejected_records.validate(cleaned.rejected),
        cleaned.excluded,
        contracts.clinical_notes.validate(records.with_earlier_notes(cleaned, previous_notes, emr.keep_notes)),
    )


def standardise_images(
    table: pd.DataFrame,
    exports: Exports,
    known: pd.DataFrame,
    secret: Secret,
    previous_source_files: pd.DataFrame | None,
    previous_manifest: pd.DataFrame | None,
    image_folder: Path,
    journal_folder: Path,
    emr: EmrParameters,
    parameters: IngestionParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read, standardise and store new and changed images; return the ledger of all files and what was done."""
    processor = ImageProcessor.under(parameters, ImageStore(image_folder), secret)
    to_read = table[table["view"] != "lateral"]
    paths = keys.key_paths(hospital.read_image_paths(exports, known, emr), secret)
    files = hospital.locate_images(to_read, exports, known, paths)
    journal = Journal(journal_folder)
    ledger = refresh.read_ledger(previous_source_files, journal)
    plan = plan_refresh(files, ledger, processor, parameters.trust_timestamps)
    log.info(plan.in_words())
    source_files = refresh.carry_out(plan, ledger, processor, journal, parameters.workers)
    counted = count_refresh(table, plan, source_files, previous_manifest)
    log.info(counts_in_words(counted))
    return source_files, counted


def judge_images(
    table: pd.DataFrame,
    excluded: pd.DataFrame,
    merged: pd.DataFrame,
    source_files: pd.DataFrame,
    previous_manifest: pd.DataFrame | None,
    previously_compared: pd.DataFrame | None,
    image_folder: Path,
    journal_folder: Path,
    parameters: IngestionParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Accept or reject every image; return manifest, rejections, compared near duplicates and labels to review."""
    Journal(journal_folder).clear()  # `source_files` is saved by now
    judgement = manifest.judge(
        manifest.images_seen(table, excluded, previous_manifest, merged),
        source_files,
        parameters.quality,
        parameters.accept_unknown_view,
        parameters.burned_in_text,
        parameters.accept_unchecked_pixels,
        parameters.standardise.side,
        ImageStore(image_folder),
        previously_compared,
    )
    listed_labels = label_review.list_label_reviews(
        table, judgement.manifest, judgement.compared, parameters.quality.near_duplicate_correlation
    )
    return (
        contracts.image_manifest.validate(judgement.manifest),
        contracts.rejected_images.validate(judgement.rejected),
        judgement.compared,
        contracts.label_review.validate(listed_labels),
    )


def sweep_store(image_manifest: pd.DataFrame, refresh_counts: dict[str, Any], image_folder: Path) -> None:
    """Delete stored images without a row, as a record leaves them that was taken back while a killed run waited.

    Without an earlier manifest they stay: it may have been moved away, and come back.
    """
    stored = set(image_manifest.loc[image_manifest["image_path"] != "", "image_id"])
    is_first = refresh_counts["accepted_by_class_before"] is None
    if orphans := ImageStore(image_folder).sweep(None if is_first else stored):
        log.info("%d stored images that no row of the manifest describes were deleted", orphans)


def summarise_ingestion(
    known: pd.DataFrame,
    table: pd.DataFrame,
    rejected_records: pd.DataFrame,
    image_manifest: pd.DataFrame,
    rejected_images: pd.DataFrame,
    listed_labels: pd.DataFrame,
    refresh_counts: dict[str, Any],
    withdrawals: dict[str, Any],
    icd10: Icd10Parameters,
    parameters: IngestionParameters,
) -> dict[str, Any]:
    """Count what came in, what was accepted and why the rest was not."""
    counted = summary.summarise(known, table, rejected_records, image_manifest, rejected_images)
    counted["label_review"] = label_review.count_label_reviews(listed_labels)
    settings = {
        "icd10_version": icd10.version,
        "burned_in_text": parameters.burned_in_text,
    }
    for line in summary.in_words(counted):
        log.info(line)
    return {**settings, "files": refresh_counts["total"], "withdrawn": withdrawals["rows"], **counted}


def describe_refresh(
    known: pd.DataFrame,
    rejected_records: pd.DataFrame,
    rejected_images: pd.DataFrame,
    image_manifest: pd.DataFrame,
    ingestion_summary: dict[str, Any],
    refresh_counts: dict[str, Any],
    previous_reported_counts: dict[str, Any] | None,
    parameters: IngestionParameters,
    report_parameters: IngestionReportParameters,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Say in numbers what the refresh did; return that, and what the next report compares with."""
    from lung_cxr.report.refresh import facts

    refreshed = facts.Refreshed(
        known,
        pd.concat([rejected_records, rejected_images], ignore_index=True),
        image_manifest,
        ingestion_summary,
        refresh_counts,
        previous_reported_counts,
    )
    gathered = facts.gather_facts(refreshed, parameters, report_parameters)
    return gathered, facts.counts_to_keep(gathered)


def write_refresh_report(
    refresh_report: dict[str, Any],
    image_manifest: pd.DataFrame,
    table: pd.DataFrame,
    source_files: pd.DataFrame,
    image_folder: Path,
    icd10: Icd10Parameters,
    parameters: IngestionParameters,
    report_parameters: IngestionReportParameters,
) -> str:
    """Put the refresh, drift, quality and contact sheets on one page."""
    from lung_cxr.report.refresh.contact_sheet import Catalogue
    from lung_cxr.report.refresh.page import render_refresh_report

    catalogue = Catalogue(image_manifest, table, source_files, ImageStore(image_folder), parameters)
    return render_refresh_report(
        refresh_report, catalogue, parameters, report_parameters, icd10.version, datetime.now(UTC)
    )


def check_faults(
    ingestion_summary: dict[str, Any],
    image_manifest: pd.DataFrame,
    parameters: IngestionParameters,
    _refresh_page: str,
) -> dict[str, Any]:
    """Compare the faults of every export with what is allowed; the split waits for it, so it comes after all else."""
    return fault_check.check_faults(ingestion_summary["by_export"], image_manifest, parameters.max_fault_fraction)


def fail_on_faults(checked: dict[str, Any]) -> None:
    """Fail the run if too much of an export was faulty; everything good is saved by now."""
    fault_check.fail_on_faults(checked)
