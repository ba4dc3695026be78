"""Check all exports with the functions of ingestion, in its order, and gather the facts for the report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.erasure.refusals import refuse_many, refuse_similar
from lung_cxr.erasure.withdrawal import withdrawn_patients
from lung_cxr.exit_codes import ExitCode
from lung_cxr.export_check import check_findings as found
from lung_cxr.export_check import files as checked_files
from lung_cxr.export_check.check_findings import Finding, errors_as_findings
from lung_cxr.export_check.columns import describe_tables
from lung_cxr.export_check.expected_classes import expected_classes
from lung_cxr.export_check.without_key import without_key
from lung_cxr.imaging.catalogue.fault_check import broken_exports
from lung_cxr.imaging.catalogue.header_check import MISMATCH
from lung_cxr.imaging.catalogue.key_check import check_key_without_fingerprint, check_secret
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_plan import Ledger
from lung_cxr.imaging.catalogue.summary import faults_by_export, notes_on_tables
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr import exports as hospital
from lung_cxr.imaging.emr import keys
from lung_cxr.imaging.emr.decision_lists import no_decisions, read_decisions
from lung_cxr.imaging.emr.export_tables import TableFacts
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import PatientLists, read_patient_lists
from lung_cxr.imaging.emr.pseudonymise import EarlierRun, PseudonymousRows, pseudonymise
from lung_cxr.imaging.emr.separate_files import all_keys
from lung_cxr.imaging.reasons import OUT_OF_SCOPE
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters
from lung_cxr.text_columns import map_distinct

ROW = ["export", "table", "row"]


@dataclass(frozen=True)
class Settings:
    """Parameter groups of the refresh."""

    emr: EmrParameters
    icd10: Icd10Parameters
    ingestion: IngestionParameters


@dataclass(frozen=True)
class Catalogue:
    """The catalogue as the last refresh left it; the check only reads it.

    Attributes:
        known_exports: As `contracts.known_exports`; None before the first refresh.
        key_fingerprint: Content of `key_fingerprint.txt`, or None.
        earlier: Tables of the last run.
        ledger: image_id → row of `source_files`.
        processor: Knows the settings and the content of the store.
        raw_folder: `01_raw`, where people's decisions may lie.
    """

    known_exports: pd.DataFrame | None
    key_fingerprint: str | None
    earlier: EarlierRun
    ledger: Ledger
    processor: ImageProcessor
    raw_folder: Path


@dataclass(frozen=True)
class _Tables:
    rows: pd.DataFrame
    facts: dict[int, list[TableFacts]]
    notes: list[str]


def check_exports(
    exports: Mapping[str, hospital.Export], catalogue: Catalogue, secret: Secret, settings: Settings
) -> dict[str, Any]:
    """Return the facts of the check, ready for JSON; they hold no value of the input, no key and no folder name.

    Returns:
        `findings` (`level`, `text`, `exit_code`), first the ones that would stop the refresh; `exports` (tables,
        columns, patients, files, headers, faults of each); `classes` (accepted images now, most that can be expected);
        `lists` (place → rows) and `withdrawn` (rows left out); `notes`. None: not known without the catalogue's key.
    """
    findings: list[Finding] = []
    facts: dict[str, Any] = {"exports": [], "classes": [], "lists": {}, "withdrawn": 0, "notes": []}
    known = hospital.number_exports(exports.values(), catalogue.known_exports)
    lists, listed = PatientLists(), no_decisions()
    with errors_as_findings(findings):
        check_secret(secret, catalogue.key_fingerprint, [export.synthetic for export in exports.values()])
    with errors_as_findings(findings):
        lists = read_patient_lists(exports.values(), catalogue.raw_folder, PatientIdRules.of(settings.emr))
        facts["lists"] |= lists.files
    with errors_as_findings(findings):
        listed = read_decisions(exports.values(), catalogue.raw_folder, known, secret)
        facts["lists"] |= {str(place): int(rows) for place, rows in listed["list"].value_counts(sort=False).items()}
    tables = _read(exports, known, settings.emr, findings)
    if tables is not None:
        with errors_as_findings(findings):
            _check_catalogue(tables.rows, lists, catalogue, secret, settings)
        facts["withdrawn"] = int(lists.withdrawn_rows(tables.rows, PatientIdRules.of(settings.emr)).sum())
        facts |= _describe(exports, known, tables, lists, listed, catalogue, secret, settings, findings)
        if catalogue.earlier.manifest is not None and any(one.exit_code == ExitCode.KEY for one in findings):
            facts |= without_key(facts)
    findings.sort(key=lambda finding: finding.level == "look")
    return {"findings": [finding._asdict() for finding in findings], **facts}


def _read(
    exports: Mapping[str, hospital.Export], known: pd.DataFrame, emr: EmrParameters, findings: list[Finding]
) -> _Tables | None:
    """Read the tables of every export; a table that cannot be read is a finding. None if no export can be read."""
    rows, facts, notes = [], {}, []
    for name, export in exports.items():
        with errors_as_findings(findings):
            read = hospital.read_all_tables({name: export}, known, emr)
            rows.append(read.rows)
            notes += read.notes
            ordinal = int(known.loc[known["export_id"] == name, "export"].iloc[0])
            facts[ordinal] = read.facts
    return _Tables(pd.concat(rows, ignore_index=True), facts, notes) if rows else None


def _check_catalogue(
    rows: pd.DataFrame, lists: PatientLists, catalogue: Catalogue, secret: Secret, settings: Settings
) -> None:
    """Check the key of a catalogue without a fingerprint, and the number of patients that the lists would erase."""
    rules, manifest = PatientIdRules.of(settings.emr), catalogue.earlier.manifest
    if manifest is None:
        return
    if catalogue.key_fingerprint is None:
        check_key_without_fingerprint(secret, [manifest], rows, rules)
    if lists.withdrawn:
        spellings = {number: [number, *rules.other_spellings(number)] for number in lists.withdrawn}
        own = all_keys(rows[lists.withdrawn_rows(rows, rules)], secret, rules)
        patients = set(manifest["patient_key"])
        numbers = set(map_distinct(rows["patient_id"], rules.normalise))
        refuse_similar(spellings, None if settings.emr.accept_similar_patient_ids else numbers, patients, secret)
        erased = withdrawn_patients(spellings, own, secret) & patients
        ingestion = settings.ingestion
        refuse_many(len(erased), len(patients), ingestion.max_withdrawn_fraction, ingestion.confirmed_withdrawals)


def _describe(
    exports: Mapping[str, hospital.Export],
    known: pd.DataFrame,
    tables: _Tables,
    lists: PatientLists,
    listed: pd.DataFrame,
    catalogue: Catalogue,
    secret: Secret,
    settings: Settings,
    findings: list[Finding],
) -> dict[str, Any]:
    """Pseudonymise the rows as ingestion does, check the files, and describe exports and classes."""
    trust = settings.ingestion.trust_timestamps
    done = pseudonymise(
        tables.rows, lists, listed, catalogue.earlier, exports, known, secret, settings.emr, settings.icd10.classes,
        trust_timestamps=trust,
    )  # fmt: skip
    records = done.cleaned.records
    named = tables.rows[["export", "image_path"]].drop_duplicates()
    frontal = records[records["view"] != "lateral"]
    checked = checked_files.check_files(
        records,
        done.cleaned.identities,
        hospital.locate_images(frontal, exports, known, keys.key_paths(named, secret)),
        catalogue.ledger,
        catalogue.processor,
        trust_timestamps=trust,
        workers=settings.ingestion.workers,
    )
    rejected = _rejected(done, checked.images, settings.ingestion)
    by_export = faults_by_export(pd.concat([records["source_export"], done.cleaned.rejected["export"]]), rejected)
    described = [_export(number, tables, done, checked, by_export, catalogue, settings.emr) for number in tables.facts]
    findings += found.of_faults(
        broken_exports(by_export, settings.ingestion.max_fault_fraction), settings.ingestion.max_fault_fraction
    )
    for export in described:
        if export["status"] != "known":
            others = [one for one in described if one is not export]
            findings += found.of_export(export, _columns(others))
    return {
        "exports": described,
        "classes": expected_classes(catalogue.earlier.manifest, checked.images, rejected),
        "notes": notes_on_tables(
            {
                "table_notes": [*tables.notes, *done.identified.notes],
                "headers_not_compared": checked.headers.not_compared,
            }
        ),
        "headers_read": checked.read,
    }


def _columns(exports: list[dict[str, Any]]) -> set[str]:
    """Return the logical columns that the tables of exports have."""
    return {column["column"] for export in exports for table in export["tables"] for column in table["columns"]}


def _rejected(done: PseudonymousRows, images: pd.DataFrame, ingestion: IngestionParameters) -> pd.DataFrame:
    """Return `export, reason_code, image_id` of all rejections that are known before a pixel is decoded."""
    faults = images["absent_reason"].copy()
    if ingestion.header_mismatch == "fault":
        faults = faults.mask(images["mismatch"] & faults.isna(), MISMATCH)
    of_images = pd.DataFrame(
        {"export": images["source_export"], "reason_code": faults, "image_id": images["image_id"]}
    ).dropna()
    of_rows = done.cleaned.rejected[["export", "reason_code"]].assign(image_id="")
    return pd.concat([of_rows, of_images], ignore_index=True)


def _export(
    number: int,
    tables: _Tables,
    done: PseudonymousRows,
    checked: checked_files.CheckedFiles,
    by_export: Mapping[str, Mapping[str, Any]],
    catalogue: Catalogue,
    emr: EmrParameters,
) -> dict[str, Any]:
    """Return the facts of one export."""
    rows = tables.rows[tables.rows["export"] == number].merge(done.cleaned.dates, on=ROW, how="left")
    images = checked.images[checked.images["source_export"] == number]
    codes = done.cleaned.rejected.loc[done.cleaned.rejected["export"] == number, "reason_code"]
    earlier = catalogue.earlier
    known_patients = set(earlier.assignments["patient_key"])
    known_patients |= set() if earlier.manifest is None else set(earlier.manifest["patient_key"])
    patients = set(images["patient_key"])
    counted = checked_files.count_files(images)
    is_known = catalogue.known_exports is not None and number in set(catalogue.known_exports["export"])
    changed = sum(counted["files"].get(state, 0) for state in ("new", "changed"))
    return {
        "export": number,
        "status": "new" if not is_known else "changed" if changed else "known",
        "rows": len(rows),
        "records": len(images),
        "patients": len(patients),
        "known_patients": len(patients & known_patients),
        "similar_rows": int((codes == "similar_patient_id").sum()),
        "repeated_rows": int((codes == "superseded_record").sum()),
        "out_of_scope": int(codes.isin(list(OUT_OF_SCOPE)).sum()),
        **counted,
        "faults": by_export.get(str(number), {}).get("faults", {}),
        "fault_fraction": by_export.get(str(number), {}).get("fault_fraction"),
        "tables": describe_tables(rows, tables.facts[number], emr),
    }
