"""Nodes of `ingestion` that count, describe and check a refresh, after its images are stored."""

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.audit_log import recorded
from lung_cxr.erasure.catalogue import REVIEW_PAGE
from lung_cxr.imaging.catalogue import fault_check as faults
from lung_cxr.imaging.catalogue import summary
from lung_cxr.imaging.catalogue.decision_counts import count_decisions
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.label_review import count_label_reviews
from lung_cxr.imaging.catalogue.row_numbers import list_row_numbers
from lung_cxr.imaging.catalogue.unredacted import read_unredacted
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr.export_tables import forget_tables
from lung_cxr.imaging.emr.keys import key_paths
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters, IngestionReportParameters

MOST_LINES = 12  # of the summary in the log: a screen has to hold all steps

log = logging.getLogger(__name__)


def number_rows(
    records: pd.DataFrame,
    rejected_records: pd.DataFrame,
    rejected_images: pd.DataFrame,
    image_manifest: pd.DataFrame,
    known_exports: pd.DataFrame,
    pseudonymisation_key: Secret,
) -> pd.DataFrame:
    """Return the raw row behind the keyed number of every rejected row, rejected image and flagged image."""
    rejected = pd.concat([rejected_records, rejected_images], ignore_index=True)
    return list_row_numbers(records, rejected, image_manifest, known_exports, KeyedHashes(pseudonymisation_key))


def summarise_ingestion(
    known_exports: pd.DataFrame,
    records: pd.DataFrame,
    rejected_records: pd.DataFrame,
    image_manifest: pd.DataFrame,
    rejected_images: pd.DataFrame,
    label_review: pd.DataFrame,
    decision_outcomes: pd.DataFrame,
    table_notes: list[str],
    header_check: dict[str, list[str]],
    refresh_counts: dict[str, Any],
    withdrawals: dict[str, Any],
    icd10: Icd10Parameters,
    ingestion: IngestionParameters,
) -> dict[str, Any]:
    """Count delivered, accepted and rejected rows and images, with the reasons of rejection."""
    counts = summary.summarise(known_exports, records, rejected_records, image_manifest, rejected_images)
    counts["label_review"] = count_label_reviews(label_review)
    counts["decisions"] = count_decisions(decision_outcomes)
    counts["table_notes"] = table_notes
    counts["headers_not_compared"] = header_check
    settings = {"icd10_version": icd10.version, "burned_in_text": ingestion.burned_in_text}
    lines = summary.in_words(counts)
    for line in lines[:MOST_LINES]:
        log.info(line)
    if further := len(lines[MOST_LINES:]):
        log.info("%d further notes on tables are on the refresh page", further)
    return {
        **settings,
        "files": refresh_counts["total"],
        "withdrawn": withdrawals["rows"],
        "patient_lists": withdrawals["files"],
        **counts,
    }


def describe_refresh(
    known_exports: pd.DataFrame,
    rejected_records: pd.DataFrame,
    rejected_images: pd.DataFrame,
    image_manifest: pd.DataFrame,
    ingestion_summary: dict[str, Any],
    refresh_counts: dict[str, Any],
    previous_reported_counts: dict[str, Any] | None,
    emr: EmrParameters,
    icd10: Icd10Parameters,
    ingestion: IngestionParameters,
    ingestion_report: IngestionReportParameters,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the refresh in numbers, and the counts with which the next refresh compares its own."""
    from lung_cxr.report.refresh import facts

    refreshed = facts.Refreshed(
        known_exports,
        pd.concat([rejected_records, rejected_images], ignore_index=True),
        image_manifest,
        ingestion_summary,
        refresh_counts,
        previous_reported_counts,
        recorded({"emr": emr, "icd10": icd10, "ingestion": ingestion, "ingestion_report": ingestion_report}),
    )
    gathered = facts.gather_facts(refreshed, ingestion, ingestion_report)
    return gathered, facts.counts_to_keep(gathered)


def write_refresh_report(
    refresh_report: dict[str, Any],
    image_manifest: pd.DataFrame,
    records: pd.DataFrame,
    source_files: pd.DataFrame,
    image_folder: Path,
    icd10: Icd10Parameters,
    ingestion: IngestionParameters,
    ingestion_report: IngestionReportParameters,
) -> str:
    """Return the page with refresh counts, drift, quality thresholds and contact sheets."""
    from lung_cxr.report.refresh.contact_sheet import Catalogue
    from lung_cxr.report.refresh.page import render_refresh_report

    catalogue = Catalogue(image_manifest, records, source_files, ImageStore(image_folder), ingestion)
    return render_refresh_report(
        refresh_report, catalogue, ingestion, ingestion_report, icd10.version, datetime.now(UTC)
    )


def write_review(
    image_manifest: pd.DataFrame,
    excluded_images: pd.DataFrame,
    label_review: pd.DataFrame,
    compared_images: pd.DataFrame,
    decision_outcomes: pd.DataFrame,
    previous_label_suspects: pd.DataFrame | None,
    records: pd.DataFrame,
    source_files: pd.DataFrame,
    image_folder: Path,
    raw_exports: dict[str, hospital.Export],
    raw_folder: Path,
    known_exports: pd.DataFrame,
    pseudonymisation_key: Secret,
    emr: EmrParameters,
    ingestion: IngestionParameters,
    ingestion_report: IngestionReportParameters,
) -> str:
    """Return the page on which a person decides about single images; a page with originals goes into 01_raw."""
    from lung_cxr.report.refresh.contact_sheet import Catalogue
    from lung_cxr.report.review.items import Review
    from lung_cxr.report.review.page import prepare_review

    suspects = previous_label_suspects
    review = Review(image_manifest, excluded_images, label_review, compared_images, decision_outcomes, suspects)
    catalogue = Catalogue(image_manifest, records, source_files, ImageStore(image_folder), ingestion)
    items, render = prepare_review(review, catalogue, ingestion_report)
    (raw_folder / REVIEW_PAGE).unlink(missing_ok=True)
    if ingestion_report.review_originals:
        redacted = {item.images[0] for item in items[: ingestion_report.max_review_items] if item.kind == "redacted"}
        paths = key_paths(hospital.read_image_paths(raw_exports, known_exports, emr), pseudonymisation_key)
        wanted = records[records["image_id"].isin(redacted)]
        files = hospital.locate_images(wanted, raw_exports, known_exports, paths)
        with atomic_write(raw_folder / REVIEW_PAGE) as unfinished:
            text = render(read_unredacted(files, image_manifest, ingestion))
            unfinished.write_text(text, encoding="utf-8")
        forget_tables()
    return render()


def check_faults(
    ingestion_summary: dict[str, Any],
    image_manifest: pd.DataFrame,
    ingestion: IngestionParameters,
    _refresh_page: str,
    _review_page: str,
) -> dict[str, Any]:
    """Compare the share of faults in every export with the allowed share. The split waits for the result."""
    return faults.check_faults(ingestion_summary["by_export"], image_manifest, ingestion.max_fault_fraction)


def fail_on_faults(fault_check: dict[str, Any]) -> None:
    """Fail the run if too much of an export was faulty; all good data are saved by now."""
    faults.fail_on_faults(fault_check)
