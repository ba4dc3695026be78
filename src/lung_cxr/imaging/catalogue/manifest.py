"""Build the image manifest from records and ledger: every image is accepted, or rejected with its reasons.

This module opens no source file. Changed thresholds, labels and views take effect from the ledger alone.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from lung_cxr.imaging.catalogue.decisions import CODES, Decisions, mark_decided, overrule
from lung_cxr.imaging.catalogue.header_check import MISMATCH, check_headers
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.patient_conflicts import add_patient_conflicts
from lung_cxr.imaging.catalogue.processed_image import NOT_SEARCHED, UNREAD
from lung_cxr.imaging.emr.patient_linkage import with_canonical_keys
from lung_cxr.imaging.quality.duplicates import correlation, near_duplicate_pairs
from lung_cxr.imaging.quality.qc_rules import QC_COLUMNS, apply_qc_rules
from lung_cxr.imaging.reasons import FLAGS, table_detail
from lung_cxr.parameters import IngestionParameters, QualityParameters
from lung_cxr.text_columns import is_in

MEASUREMENTS = ["source_key", "pixel_sha256", "difference_hash", "rows", "columns", *QC_COLUMNS]
FROM_RECORDS = [
    "image_id",
    "patient_key",
    "study_key",
    "label",
    "view",
    "sex",
    "age_years",
    "exam_day",
    "export",
]
MANIFEST_COLUMNS = [*FROM_RECORDS, *MEASUREMENTS, "qc_status", "qc_reasons", "image_path"]
PAIR_HASHES = ["pixel_sha256", "other_pixel_sha256"]
PAIR_COLUMNS = ["image_id", "other_image_id", *PAIR_HASHES, "correlation"]


NO_DECISIONS = Decisions()


class Manifest(NamedTuple):
    """The manifest and the tables that come with it.

    Attributes:
        images: One row per image, as `contracts.image_manifest`.
        rejected: One row per rejected image, as `contracts.rejected_images`.
        compared: Candidate near duplicates with their correlation, `PAIR_COLUMNS`.
        not_compared: Export → fields of the DICOM headers that the PACS writes in another way than the tables.
    """

    images: pd.DataFrame
    rejected: pd.DataFrame
    compared: pd.DataFrame
    not_compared: dict[str, list[str]]


def list_images(
    records: pd.DataFrame,
    excluded: pd.DataFrame,
    previous: pd.DataFrame | None,
    merged: pd.DataFrame,
    decided: Decisions = NO_DECISIONS,
) -> pd.DataFrame:
    """Return one row per image of this run and earlier runs, with `record_reason` ("" if the record is accepted).

    An image that no export names any more keeps its row of the last manifest. An image keeps the number of the export
    that first named it, even after that export was archived.

    Args:
        records: As `contracts.records`.
        excluded: `image_id, reason_code` of images whose newest row was rejected.
        previous: Last manifest; None on the first run.
        merged: Merged patient numbers, as `contracts.merged_patients`.
        decided: Decisions in force; the records have their labels already.
    """
    images = records.assign(record_reason="", label_decided=records["label_source"] == "decision")
    if previous is None:
        return images
    first = images["image_id"].map(previous.set_index("image_id")["export"]).fillna(images["export"])
    images = images.assign(export=np.minimum(images["export"], first.astype(np.int64)))
    earlier = previous[~is_in(previous["image_id"], records["image_id"])]
    was_decided = earlier["qc_reasons"].str.split(";").map(lambda codes: CODES["label"] in codes).astype(bool)
    is_decided = is_in(earlier["image_id"], decided.labels.keys())
    labels = earlier["image_id"].map(decided.labels).where(is_decided, earlier["label"])
    earlier = earlier[FROM_RECORDS].assign(label=labels.astype("str"), label_decided=is_decided | was_decided)
    of_excluded = is_in(earlier["patient_key"], merged.loc[merged["excluded"], "patient_key"])
    reasons = earlier["image_id"].map(excluded.set_index("image_id")["reason_code"]).astype("object")
    reasons = reasons.fillna(of_excluded.map({True: "merged_across_subsets", False: ""}))
    earlier = with_canonical_keys(earlier, merged).assign(record_reason=reasons.astype("str"))
    return pd.concat([images, earlier], ignore_index=True)


def build_manifest(
    images: pd.DataFrame,
    ledger: pd.DataFrame,
    ingestion: IngestionParameters,
    store: ImageStore,
    compared: pd.DataFrame | None,
    identities: pd.DataFrame | None = None,
    decided: Decisions = NO_DECISIONS,
) -> Manifest:
    """Accept or reject every image.

    Args:
        images: Result of `list_images`.
        ledger: Measurements of every image file, `LEDGER_COLUMNS`.
        ingestion: Thresholds and policies.
        store: Store of the images; read only to confirm near duplicates.
        compared: Candidate pairs of earlier runs, if any; a pair is compared again only if one of its images changed.
        identities: Keys of the patient in each row, as `contracts.row_identities`; None: headers are not compared.
        decided: Decisions in force.
    """
    table = images.merge(ledger, on="image_id", how="left").fillna(UNREAD)
    table = table.sort_values(["export", "image_id"], ignore_index=True)
    table["view"] = table["view"].where(table["view"] != "unknown", table["header_view"])
    stored_unsearched = (table["pixel_sha256"] != "") & (table["text_boxes"] == NOT_SEARCHED)
    table["pixels_kept"] = table["image_id"].isin(decided.pixels_kept) & stored_unsearched
    reasons, flags = apply_qc_rules(
        table,
        ingestion.quality,
        ingestion.accept_unknown_view,
        ingestion.burned_in_text,
        ingestion.accept_unchecked_pixels,
        ingestion.standardise.side,
    )
    distinct = overrule(table, decided, reasons)
    not_compared = _add_header_mismatches(table, identities, ingestion.header_mismatch, reasons, flags)
    add_patient_conflicts(table, reasons)
    _add_exact_duplicates(table, reasons)
    compared = _add_near_duplicates(table, reasons, flags, ingestion.quality, store, compared, distinct)
    mark_decided(table, decided, reasons, flags)
    table["qc_status"] = np.where([bool(found) for found in reasons], "rejected", "accepted")
    table["difference_hash"] = table["difference_hash"].where(
        table["qc_status"] == "accepted", ""
    )  # none else is split
    codes = [";".join(found + flagged) for found, flagged in zip(reasons, flags, strict=True)]
    paths = [
        store.path(i) if sha else ""
        for i, sha in zip(table["image_id"].tolist(), table["pixel_sha256"].tolist(), strict=True)
    ]
    table["qc_reasons"] = pd.Series(codes, dtype="str")  # keeps the dtype of an empty table too
    table["image_path"] = pd.Series(paths, dtype="str")
    table = table.astype({"rows": np.int64, "columns": np.int64})
    return Manifest(table[MANIFEST_COLUMNS], _rejections(table), compared, not_compared)


def _add_header_mismatches(
    table: pd.DataFrame,
    identities: pd.DataFrame | None,
    policy: str,
    reasons: list[list[str]],
    flags: list[list[str]],
) -> dict[str, list[str]]:
    """Reject or flag images whose DICOM header names another patient than the row."""
    if identities is None or policy == "ignore" or "source_export" not in table:
        return {}
    checked = check_headers(table, identities)
    for position in table.index[checked.mismatch]:
        if policy == "flag":
            flags[position].append("header_disagrees")
        elif not reasons[position]:
            reasons[position].append(MISMATCH)
    return checked.not_compared


def _not_rejected(reasons: list[list[str]]) -> npt.NDArray[np.bool_]:
    """Return a mask of images without a reason of rejection; a mask works for an empty table too, a list does not."""
    return np.array([not found for found in reasons], dtype=bool)


def _add_exact_duplicates(table: pd.DataFrame, reasons: list[list[str]]) -> None:
    """Reject copies: of images with equal stored pixels, the one of the earliest export and smallest id stays."""
    candidates = table[_not_rejected(reasons)]
    for position in candidates.index[candidates["pixel_sha256"].duplicated()]:
        reasons[position].append("exact_duplicate")


def _add_near_duplicates(
    table: pd.DataFrame,
    reasons: list[list[str]],
    flags: list[list[str]],
    thresholds: QualityParameters,
    store: ImageStore,
    compared: pd.DataFrame | None,
    distinct: "pd.Series[bool]",
) -> pd.DataFrame:
    """Reject the later near duplicate of another patient's image, unless a person has accepted it as `distinct`.

    The later near duplicate within a patient is flagged.
    """
    candidates = table[_not_rejected(reasons)]
    pairs = near_duplicate_pairs(candidates["difference_hash"].tolist(), thresholds.near_duplicate_bits)
    pairs = candidates.index.to_numpy()[pairs]
    compared = _correlations(table.loc[pairs[:, 0]], table.loc[pairs[:, 1]], store, compared)
    alike = compared["correlation"] >= thresholds.near_duplicate_correlation
    for earlier, later in pairs[alike].tolist():
        if reasons[earlier]:
            continue
        if table.at[earlier, "patient_key"] == table.at[later, "patient_key"]:
            _add_once(flags[later], "near_duplicate_within_patient")
        elif not distinct[later]:
            _add_once(reasons[later], "near_duplicate")
    return compared


def _correlations(
    earlier: pd.DataFrame, later: pd.DataFrame, store: ImageStore, known: pd.DataFrame | None
) -> pd.DataFrame:
    """Return the correlation of each pair of stored images; pairs of unchanged images keep that of the last run."""
    names = ["image_id", "pixel_sha256"]
    values = [earlier[names].to_numpy(), later[names].to_numpy()]
    pairs = pd.DataFrame(np.hstack(values)[:, [0, 2, 1, 3]], columns=PAIR_COLUMNS[:4], dtype="str")
    if known is None:
        known = pd.DataFrame(columns=PAIR_COLUMNS)
    before = known.drop_duplicates(PAIR_HASHES).set_index(PAIR_HASHES)["correlation"].to_dict()
    return pairs.assign(
        correlation=[
            before[one, other] if (one, other) in before else correlation(store.get(first), store.get(second))
            for first, second, one, other in pairs.itertuples(index=False)
        ]
    ).astype({"correlation": float})


def _add_once(codes: list[str], code: str) -> None:
    if code not in codes:
        codes.append(code)


def _rejections(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row per rejected image that an export still names; rejected records have a table of their own."""
    rejected = table[(table["qc_status"] == "rejected") & (table["record_reason"] == "") & table["row"].notna()]
    codes = rejected["qc_reasons"].str.split(";")
    others = [";".join(code for code in found[1:] if code not in FLAGS) for found in codes]
    return pd.DataFrame(
        {
            "export": rejected["source_export"].astype(np.int64),
            "row": rejected["row"].astype(np.int64),
            "file_key": rejected["file_key"],
            "reason_code": codes.str[0].astype("str"),
            "detail": [
                "; ".join(filter(None, (table_detail(int(table)), detail or other)))
                for table, detail, other in zip(rejected["table"], rejected["detail"], others, strict=True)
            ],
        }
    ).sort_values(["export", "row"], ignore_index=True)
