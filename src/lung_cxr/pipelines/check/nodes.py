"""Nodes of `check`: they pass exports, the last catalogue and parameters to `lung_cxr.export_check`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.export_check import check_exports as check
from lung_cxr.export_check import check_findings as findings
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh import read_ledger
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.pseudonymise import EarlierRun
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters
from lung_cxr.splitting.assignments import checked_assignments


def check_exports(
    raw_exports: dict[str, Export],
    raw_folder: Path,
    pseudonymisation_key: Secret,
    previous_key_fingerprint: str | None,
    previous_known_exports: pd.DataFrame | None,
    previous_image_manifest: pd.DataFrame | None,
    previous_shared_images: pd.DataFrame | None,
    previous_patient_subsets: pd.DataFrame | None,
    previous_image_decisions: pd.DataFrame | None,
    previous_source_files: pd.DataFrame | None,
    image_folder: Path,
    refresh_journal: Path,
    emr: EmrParameters,
    icd10: Icd10Parameters,
    ingestion: IngestionParameters,
) -> dict[str, Any]:
    """Read all tables, and the headers of new and changed files; return counts, shapes and findings."""
    processor = ImageProcessor.from_parameters(ingestion, ImageStore(image_folder), pseudonymisation_key)
    catalogue = check.Catalogue(
        previous_known_exports,
        previous_key_fingerprint,
        EarlierRun(
            previous_image_manifest,
            previous_shared_images,
            checked_assignments(previous_patient_subsets),
            previous_image_decisions,
        ),
        read_ledger(previous_source_files, Journal(refresh_journal), processor.hashes),
        processor,
        raw_folder,
    )
    settings = check.Settings(emr, icd10, ingestion)
    return check.check_exports(raw_exports, catalogue, pseudonymisation_key, settings)


def write_check_page(check_report: dict[str, Any]) -> str:
    """Return the page of the check."""
    from lung_cxr.report.check.page import render_check_report

    return render_check_report(check_report, datetime.now(UTC))


def fail_on_findings(check_report: dict[str, Any], _check_page: str) -> None:
    """End the command with the exit code of the first finding."""
    findings.raise_on_findings(check_report)
