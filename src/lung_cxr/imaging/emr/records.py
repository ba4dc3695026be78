"""EMR rows → pseudonymous records, each with one of the seven classes; every other row gets a reason code.

Pandera checks all rows lazily. Only the name of the check and the row are used: Pandera's messages quote values.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from lung_cxr.imaging.deidentify.age_cap import cap_ages
from lung_cxr.imaging.deidentify.identity_keys import identity_key
from lung_cxr.imaging.deidentify.notes import scrub_notes
from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.column_names import LOGICAL_COLUMNS
from lung_cxr.imaging.emr.dates_and_ages import date_rows, parse_dates
from lung_cxr.imaging.emr.exports import stays_inside
from lung_cxr.imaging.emr.identifiers import is_malformed, is_malformed_patient, without_missing_words
from lung_cxr.imaging.emr.parsers import translate
from lung_cxr.imaging.emr.patient_linkage import with_canonical_keys
from lung_cxr.imaging.emr.row_labels import label_rows, override_labels
from lung_cxr.imaging.emr.similar_ids import core_of
from lung_cxr.imaging.reasons import table_detail
from lung_cxr.parameters import EmrParameters
from lung_cxr.text_columns import is_in, map_distinct, on_distinct

NULLABLE = [name for name in LOGICAL_COLUMNS if name not in ("patient_id", "study_id", "image_path", "patient_name")]
RECORD_COLUMNS = (
    "image_id",
    "patient_key",
    "study_key",
    "file_key",
    "label",
    "label_source",
    "icd10_label",
    "view",
    "sex",
    "age_years",
    "age_reason",
    "exam_day",
    "exam_day_reason",
    "export",
    "source_export",
    "table",
    "row",
)
DIRECT_COLUMNS = ["image_id", "patient_key", "study_key", "file_key", "table", "row", "exam_day_reason", "age_reason"]


NO_LABELS: Mapping[str, str] = {}
WITHOUT_LABEL = (
    "missing_diagnosis",
    "malformed_diagnosis",
    "malformed_icd10",
)  # faults that a decision on the label mends


class CleanedRecords(NamedTuple):
    """Records, rejected rows and notes.

    Attributes:
        records: One row per image, as `contracts.records`.
        rejected: One line per row that is not in `records`, as `contracts.rejected_records`.
        excluded: `image_id, reason_code` of images whose latest row was rejected.
        notes: Scrubbed notes of records, as `contracts.clinical_notes`; empty unless `emr.keep_notes` is true.
        identities: Keys of number, name and birth date of each record, as `contracts.row_identities`.
        dates: `export, table, row, exam_day_reason` of every row.
    """

    records: pd.DataFrame
    rejected: pd.DataFrame
    excluded: pd.DataFrame
    notes: pd.DataFrame
    identities: pd.DataFrame
    dates: pd.DataFrame


def clean_records(
    rows: pd.DataFrame,
    secret: Secret,
    merged: pd.DataFrame,
    similar: Collection[str],
    emr: EmrParameters,
    icd10_classes: Mapping[str, list[str]],
    decided: Mapping[str, str] = NO_LABELS,
) -> CleanedRecords:
    """Turn the rows of all exports into pseudonymous records.

    Args:
        rows: Rows of all exports with the ordinal `export`, from `keys.with_keys`.
        secret: Secret of the pseudonyms.
        merged: Merged patient numbers, as `contracts.merged_patients`.
        similar: Patient numbers that are held back, from `similar_ids.similar_ids`.
        emr: Columns, words and formats of the hospital's tables.
        icd10_classes: Class → ICD-10 prefixes.
        decided: Image id → class that a person has decided; it overrides diagnosis and codes.
    """
    rows = rows.sort_values(["export", "table", "row"], ignore_index=True)
    identified = rows.assign(**{name: without_missing_words(rows[name]) for name in NULLABLE})
    reasons = pd.Series("", index=rows.index)
    identified = identified.join(date_rows(identified, emr.date_format))
    named = override_labels(label_rows(identified, icd10_classes), identified["image_id"], decided)
    soundness = {name: named.pop(name) for name in ("codes_are_sound", "diagnosis_is_sound")}
    reasons.update(_broken_contracts(identified.assign(**soundness)))
    reasons[(reasons == "") & is_in(identified["patient_id"], similar)] = "similar_patient_id"
    labels = named["label"]
    reasons[reasons.isin(WITHOUT_LABEL) & (named["label_source"] == "decision")] = ""
    sound = reasons == ""
    reasons.update(_superseded(identified[sound], labels[sound]))
    excluded = is_in(identified["patient_key"], merged.loc[merged["excluded"], "patient_key"])
    reasons[(reasons == "") & excluded] = "merged_across_subsets"
    reasons[(reasons == "") & (labels == "")] = "not_one_of_seven"
    records = with_canonical_keys(_records(identified[reasons == ""], secret, emr), merged).join(named)
    first_seen = identified[sound].groupby("image_id")["export"].min()
    records["export"] = records["image_id"].map(first_seen).astype(np.int64)
    return CleanedRecords(
        records[list(RECORD_COLUMNS)].sort_values("image_id", ignore_index=True),
        _rejections(identified[reasons != ""], reasons[reasons != ""]),
        _excluded(identified, reasons, records["image_id"]),
        _notes(identified[reasons == ""] if emr.keep_notes else identified.head(0), identified),
        _identities(identified[reasons == ""], secret, emr),
        identified[["export", "table", "row", "exam_day_reason"]],
    )


def with_earlier_notes(cleaned: CleanedRecords, previous: pd.DataFrame | None, keep: bool) -> pd.DataFrame:
    """Add the earlier notes of images that no present export names, if notes are kept."""
    if previous is None or not keep:
        return cleaned.notes
    named = pd.concat([cleaned.records["image_id"], cleaned.excluded["image_id"]])
    notes = pd.concat([cleaned.notes, previous[~previous["image_id"].isin(named)]])
    return notes.sort_values("image_id", ignore_index=True)


def _broken_contracts(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the first reason of each broken row, in the order of `_CHECKS`; index: the row."""
    try:
        _CONTRACT.validate(rows, lazy=True)
    except SchemaErrors as errors:
        failures = errors.failure_cases[["index", "check"]].drop_duplicates()
    else:
        return pd.Series(dtype="str")
    order = {name: position for position, name in enumerate(_CHECKS)}
    failures = failures.assign(position=failures["check"].map(order)).sort_values(["index", "position"])
    return failures.drop_duplicates("index").set_index("index")["check"].astype("str")


_CHECKS = {
    "malformed_row": lambda rows: ~rows["malformed"],
    "missing_patient_id": lambda rows: rows["patient_id"] != "",
    "malformed_patient_id": lambda rows: ~map_distinct(rows["patient_id"], is_malformed_patient, "bool"),
    "malformed_study_id": lambda rows: ~map_distinct(rows["study_id"], is_malformed, "bool"),
    "missing_image_path": lambda rows: rows["clean_path"] != "",
    "path_outside_export": lambda rows: map_distinct(rows["image_path"], stays_inside, "bool"),
    "missing_diagnosis": lambda rows: (rows["diagnosis"].str.strip() != "") | (rows["icd10_primary"].str.strip() != ""),
    "malformed_diagnosis": lambda rows: rows["diagnosis_is_sound"],
    "malformed_icd10": lambda rows: (rows["diagnosis"].str.strip() != "") | rows["codes_are_sound"],
}
_CONTRACT = pa.DataFrameSchema(checks=[pa.Check(check, name=name) for name, check in _CHECKS.items()])


def _superseded(rows: pd.DataFrame, labels: pd.Series) -> "pd.Series[str]":
    """Return the reasons of rows that do not describe their image: older rows, and rows with conflicting classes.

    The latest export describes an image. Two different classes in that export are a conflict.
    """
    images = rows.assign(label=labels).groupby("image_id")
    is_latest_export = rows["export"] == images["export"].transform("max")
    latest = rows[is_latest_export].assign(label=labels[is_latest_export]).groupby("image_id")
    conflicting = latest["label"].transform("nunique") > 1
    reasons = pd.Series("", index=rows.index)
    reasons[~is_latest_export] = "superseded_record"
    reasons.update(pd.Series("superseded_record", latest.cumcount(ascending=False).loc[lambda n: n > 0].index))
    reasons.update(pd.Series("conflicting_labels", conflicting[conflicting].index))
    return reasons[reasons != ""]


def _records(rows: pd.DataFrame, secret: Secret, emr: EmrParameters) -> pd.DataFrame:
    shifts = map_distinct(rows["catalogued_id"], secret.date_shift, "int64")
    return rows[DIRECT_COLUMNS].assign(
        view=translate(rows["view"], emr.views),
        sex=translate(rows["sex"], emr.sexes),
        age_years=cap_ages(rows["age_years"]),
        exam_day=rows["exam_day"] + pd.to_timedelta(shifts, unit="D"),
        source_export=rows["export"],
    )


def _identities(rows: pd.DataFrame, secret: Secret, emr: EmrParameters) -> pd.DataFrame:
    """Return the keys with which the headers of the images are compared."""
    identities = {
        "header_id": map_distinct(rows["patient_id"], core_of),
        "header_name": rows["patient_name"],
        "header_birth": on_distinct(
            rows["birth_date"],
            lambda texts: parse_dates(texts, emr.date_format).days.dt.strftime("%Y%m%d").fillna("").astype("str"),
        ),
    }
    keys = {kind: map_distinct(text, partial(identity_key, kind, secret=secret)) for kind, text in identities.items()}
    return rows[["image_id"]].assign(**keys).sort_values("image_id", ignore_index=True)


def _notes(rows: pd.DataFrame, all_rows: pd.DataFrame) -> pd.DataFrame:
    notes = rows[["image_id", "study_key"]].assign(note=scrub_notes(rows, all_rows))
    return notes[notes["note"] != ""].sort_values("image_id", ignore_index=True)


def _rejections(rows: pd.DataFrame, reasons: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "export": rows["export"],
            "row": rows["row"],
            "file_key": rows["file_key"],
            "reason_code": reasons,
            "detail": rows["table"].map({n: table_detail(n) for n in rows["table"].unique()}).astype("str"),
        }
    ).reset_index(drop=True)


def _excluded(rows: pd.DataFrame, reasons: pd.Series, accepted: pd.Series) -> pd.DataFrame:
    rejected = rows[["image_id"]].assign(reason_code=reasons)[reasons.ne("") & reasons.ne("superseded_record")]
    rejected = rejected[~is_in(rejected["image_id"], accepted)]
    latest = rejected.drop_duplicates("image_id", keep="last")
    return latest.sort_values("image_id", ignore_index=True)  # the raw order is a rank
