"""Nodes of `ingestion` that erase withdrawn patients, before any other step reads an export."""

from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.erasure import withdrawal
from lung_cxr.erasure.withdrawal_report import withdrawal_report
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr import patient_linkage
from lung_cxr.imaging.emr.decision_lists import read_decisions
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.parameters import EmrParameters, IngestionParameters
from lung_cxr.text_columns import map_distinct


def erase_withdrawn(
    raw_exports: dict[str, hospital.Export],
    raw_folder: Path,
    known_exports: pd.DataFrame,
    pseudonymisation_key: Secret,
    intermediate_folder: Path,
    primary_folder: Path,
    image_folder: Path,
    refresh_journal: Path,
    pixel_folder: Path,
    model_folder: Path,
    output_folder: Path,
    reporting_folder: Path,
    grad_cam_folder: Path,
    emr: EmrParameters,
    ingestion: IngestionParameters,
) -> dict[str, Any]:
    """Erase all stored data of patients who withdraw, before any other step but the check of all lists."""
    rules = PatientIdRules.of(emr)
    read_decisions(
        raw_exports.values(), raw_folder, known_exports, pseudonymisation_key
    )  # a faulty list stops the run first
    lists = patient_linkage.read_patient_lists(raw_exports.values(), raw_folder, rules)
    if not lists.withdrawn:
        return {**withdrawal.NOTHING_ERASED, "files": dict(lists.files)}
    rows = hospital.read_all_rows(raw_exports, known_exports, emr)
    withdrawn_rows = rows[lists.withdrawn_rows(rows, rules)]
    places = withdrawal.DataFolders(
        intermediate=intermediate_folder,
        primary=primary_folder,
        images=image_folder,
        journal=refresh_journal,
        model_input=pixel_folder,
        models=model_folder,
        outputs=output_folder,
        reporting=reporting_folder,
        raw=raw_folder,
        grad_cam=grad_cam_folder,
    )
    numbers = set(map_distinct(rows["patient_id"], rules.normalise))
    return withdrawal.erase_withdrawn(
        lists,
        withdrawn_rows,
        pseudonymisation_key,
        rules,
        places,
        numbers=None if emr.accept_similar_patient_ids else numbers,
        max_fraction=ingestion.max_withdrawn_fraction,
        confirmed=ingestion.confirmed_withdrawals,
    )


def report_withdrawals(withdrawals: dict[str, Any], output_folder: Path) -> dict[str, Any]:
    """Count the erased data and list the training runs that used withdrawn patients."""
    return withdrawal_report(withdrawals, output_folder)
