"""Files of a refresh before it: which are new, missing or named twice, and the patients that their headers name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from joblib import Parallel, delayed

from lung_cxr.imaging.catalogue.header_check import HeaderCheck, check_headers
from lung_cxr.imaging.catalogue.header_patient import HEADER_COLUMNS, read_header_patient
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.refresh_plan import Ledger, RefreshPlan, plan_refresh
from lung_cxr.imaging.deidentify.pseudonyms import Secret

FEW = 500  # files that are read faster without further processes


class CheckedFiles(NamedTuple):
    """Files of all records.

    Attributes:
        images: Records with `state` of their file (NaN for lateral views), `absent_reason`, `HEADER_COLUMNS`,
            `mismatch` of header and row, and `two_patients` (the file is named by rows of two patients).
        headers: Result of the comparison of headers and rows.
        read: Number of headers that were read now.
    """

    images: pd.DataFrame
    headers: HeaderCheck
    read: int


def check_files(
    records: pd.DataFrame,
    identities: pd.DataFrame,
    files: Mapping[str, Path | None],
    ledger: Ledger,
    processor: ImageProcessor,
    *,
    trust_timestamps: bool,
    workers: int,
) -> CheckedFiles:
    """Plan the refresh, read the headers of new and changed files, and compare all headers with the rows.

    Args:
        records: As `contracts.records`.
        identities: As `contracts.row_identities`.
        files: image_id → file, from `exports.locate_images`.
        ledger: image_id → row of an earlier run.
        processor: Knows the settings and the content of the store.
        trust_timestamps: `ingestion.trust_timestamps`.
        workers: `ingestion.workers`.
    """
    plan = plan_refresh(files, ledger, processor, trust_timestamps)
    known = {
        image_id: {name: getattr(past, name) for name in HEADER_COLUMNS}
        for image_id, past in ledger.items()
        if plan.states.get(image_id) not in ("new", "changed")
    }
    read = _read_headers(plan, processor.max_megapixels, processor.secret, workers)
    headers = pd.DataFrame.from_dict(known | read, orient="index", columns=HEADER_COLUMNS, dtype="str")
    images = records.join(headers, on="image_id").fillna(dict.fromkeys(HEADER_COLUMNS, ""))
    checked = check_headers(images, identities)
    return CheckedFiles(
        images.assign(
            state=records["image_id"].map(plan.states),
            absent_reason=records["image_id"].map(plan.absent),
            mismatch=checked.mismatch,
            two_patients=_of_two_patients(records, files),
        ),
        checked,
        len(read),
    )


def _read_headers(plan: RefreshPlan, max_megapixels: float, secret: Secret, workers: int) -> dict[str, dict[str, str]]:
    jobs = [(name, path) for name, path in plan.to_read if path and plan.states[name] in ("new", "changed")]
    settings = (max_megapixels, secret)
    if len(jobs) <= FEW or workers == 1:
        return {image_id: read_header_patient(path, *settings) for image_id, path in jobs}
    found = Parallel(n_jobs=workers)(delayed(read_header_patient)(path, *settings) for _, path in jobs)
    return dict(zip((image_id for image_id, _ in jobs), found, strict=True))


def _of_two_patients(records: pd.DataFrame, files: Mapping[str, Path | None]) -> "pd.Series[bool]":
    """Return whether the file of each record is named by rows of several patients."""
    paths = records["image_id"].map({image_id: str(path) for image_id, path in files.items() if path})
    return records["patient_key"].groupby(paths).transform("nunique").reindex(records.index).fillna(1) > 1


def count_files(images: pd.DataFrame) -> dict[str, Any]:
    """Return counts of the files and headers of one export; `images` as in `CheckedFiles`."""
    states = images["state"].value_counts()
    has_identity = (images[HEADER_COLUMNS[:-1]] != "").any(axis=1)
    repeated = images["file_key"].duplicated(keep=False) & (images["file_key"] != "")
    return {
        "files": {str(state): int(count) for state, count in states.items()},
        "two_patients": int(images.loc[images["two_patients"], "file_key"].nunique()),
        "named_twice": int(images.loc[repeated, "file_key"].nunique()),
        "headers": {
            "with_patient": int(has_identity.sum()),
            "agree": int((has_identity & ~images["mismatch"]).sum()),
            "disagree": int(images["mismatch"].sum()),
        },
    }
