"""Rows of all exports → pseudonymous records, in four steps; `ingestion` and `check` share them."""

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from lung_cxr.imaging.catalogue.decisions import Decisions, match_decisions
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.identify import IdentifiedRows, identify_rows
from lung_cxr.imaging.emr.patient_linkage import PatientLists
from lung_cxr.imaging.emr.records import CleanedRecords, clean_records
from lung_cxr.imaging.emr.separate_files import SeparatedFiles, locate_in, separate_files
from lung_cxr.parameters import EmrParameters


class EarlierRun(NamedTuple):
    """State of the last run.

    Attributes:
        manifest: As `contracts.image_manifest`, or None.
        shared_images: As `contracts.shared_images`, or None.
        assignments: As `contracts.patient_subsets`; without a row before the first split.
        decisions: As `contracts.image_decisions`, or None.
    """

    manifest: pd.DataFrame | None
    shared_images: pd.DataFrame | None
    assignments: pd.DataFrame
    decisions: pd.DataFrame | None


class PseudonymousRows(NamedTuple):
    """Results of the four steps; `decisions` as `contracts.image_decisions`."""

    identified: IdentifiedRows
    separated: SeparatedFiles
    decisions: pd.DataFrame
    cleaned: CleanedRecords


def pseudonymise(
    rows: pd.DataFrame,
    lists: PatientLists,
    listed: pd.DataFrame,
    earlier: EarlierRun,
    exports: Mapping[str, Export],
    known_exports: pd.DataFrame,
    secret: Secret,
    emr: EmrParameters,
    icd10_classes: Mapping[str, list[str]],
    *,
    trust_timestamps: bool,
) -> PseudonymousRows:
    """Turn the rows of all exports into pseudonymous records.

    Args:
        rows: From `exports.read_all_tables`; rows of withdrawn patients are left out.
        lists: The hospital's lists of patients.
        listed: People's decisions, from `decision_lists.read_decisions`.
        earlier: State of the last run.
        exports: Exports by `export_id`.
        known_exports: As `contracts.known_exports`.
        secret: Secret of the pseudonyms.
        emr: Format of the hospital's tables.
        icd10_classes: Class → ICD-10 prefixes.
        trust_timestamps: Whether files of one path, size and time are the same.
    """
    rules = PatientIdRules.of(emr)
    identified = identify_rows(
        rows[~lists.withdrawn_rows(rows, rules)],
        lists,
        earlier.manifest,
        earlier.assignments,
        secret,
        rules,
        accept_similar=emr.accept_similar_patient_ids,
    )
    separated = separate_files(
        identified.rows,
        earlier.manifest,
        earlier.shared_images,
        locate_in(exports, known_exports),
        secret,
        trust_timestamps=trust_timestamps,
    )
    decisions = match_decisions(listed, separated.rows, earlier.manifest, earlier.decisions)
    labels = Decisions.of(decisions).labels
    cleaned = clean_records(separated.rows, secret, identified.merged, identified.similar, emr, icd10_classes, labels)
    return PseudonymousRows(identified, separated, decisions, cleaned)
