"""Pandera schemas of every table that crosses a pipeline border: columns, dtypes and rules in one place.

None of these tables holds an identifier, so Pandera may quote a failing value. Raw EMR tables have no schema here: they
are checked in `imaging/emr/records.py`, whose messages hold no value.
"""

from typing import Any

import pandera.pandas as pa
from pandera.engines.pandas_engine import BOOL, FLOAT64, INT64

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.imaging.reasons import LABEL_REVIEW

SUBSETS = ("train", "validation", "test")
KEY = r"^[0-9a-f]{32}$"  # first 32 hex digits of HMAC-SHA256

QC_METRICS = (
    "sharpness",
    "contrast",
    "dark_fraction",
    "bright_fraction",
    "inversion",
    "rotation",
    "lateral",
    "foreign",
    "turned_foreign",
)
"""Measured on every readable image; the manifest holds them as `qc_<metric>`."""

HISTORY_EVENTS = ("", "unfreeze", "stop:nan", "stop:plateau", "stop:budget")


def _key(**kwargs: Any) -> pa.Column:
    return pa.Column(str, pa.Check.str_matches(KEY), **kwargs)


def _table(columns: dict[str, pa.Column], **kwargs: Any) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, coerce=True, ordered=True, **kwargs)


known_exports = _table(
    {
        "export": pa.Column(INT64, pa.Check.ge(1), unique=True),  # ordinal: the only name of an export past 02
        "export_id": pa.Column(str, unique=True),  # the folder's name; stays in 02_intermediate
        "synthetic": pa.Column(BOOL),
    }
)

records = _table(
    {
        "image_id": _key(unique=True),
        "patient_key": _key(),
        "study_key": _key(),
        "file_key": _key(),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "label_source": pa.Column(str, pa.Check.isin(["diagnosis", "icd10"])),  # the board's consensus, or the codes
        "icd10_label": pa.Column(str, pa.Check.isin([*DISEASES, "other", ""])),  # what the codes say; "": no code
        "view": pa.Column(str, pa.Check.isin(["PA", "AP", "lateral", "unknown"])),
        "sex": pa.Column(str, pa.Check.isin(["F", "M", "unknown"])),
        "age_years": pa.Column(FLOAT64, pa.Check.in_range(0, 90), nullable=True),
        "exam_day": pa.Column("datetime64[us]", nullable=True),  # shifted per patient
        "exam_day_reason": pa.Column(str, pa.Check.isin(["", "not_given", "not_understood"])),  # why there is none
        "export": pa.Column(INT64, pa.Check.ge(1)),  # the first that named the image
        "source_export": pa.Column(INT64, pa.Check.ge(1)),  # the latest: where its row and file are
        "table": pa.Column(INT64, pa.Check.ge(1)),  # position in emr.tables
        "row": pa.Column(INT64, pa.Check.ge(1)),
    }
)

_rejection = {
    "export": pa.Column(INT64, pa.Check.ge(1)),
    "row": pa.Column(INT64, pa.Check.ge(1)),  # 1 is the first row below the header
    "file_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),
    "reason_code": pa.Column(str),
    "detail": pa.Column(str),  # fixed vocabulary and numbers, no value of the input
}
rejected_records = _table(dict(_rejection))
rejected_images = _table(dict(_rejection))

_quality = {f"qc_{metric}": pa.Column(FLOAT64, nullable=True) for metric in QC_METRICS}
_verdict = {
    "qc_status": pa.Column(str, pa.Check.isin(["accepted", "rejected"])),
    "qc_reasons": pa.Column(str),  # ;-separated; flags of accepted images too
}

image_manifest = _table(
    {
        "image_id": _key(unique=True),
        "patient_key": _key(),
        "study_key": _key(),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "view": pa.Column(str, pa.Check.isin(["PA", "AP", "lateral", "unknown"])),
        "sex": pa.Column(str, pa.Check.isin(["F", "M", "unknown"])),
        "age_years": pa.Column(FLOAT64, pa.Check.in_range(0, 90), nullable=True),
        "exam_day": pa.Column("datetime64[us]", nullable=True),
        "export": pa.Column(INT64, pa.Check.ge(1)),
        "source_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),  # "" where no file was there
        "pixel_sha256": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),  # "" where nothing was stored
        "difference_hash": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),  # 256 bits
        "rows": pa.Column(INT64, pa.Check.ge(0)),  # pixels of the source; 0 where it could not be read
        "columns": pa.Column(INT64, pa.Check.ge(0)),
        **_quality,
        **_verdict,
        "image_path": pa.Column(str),  # below 03_primary/images: "<2>/<image_id>.png"; "" where nothing was stored
    }
)

label_review = _table(
    {
        "image_id": _key(),
        "other_image_id": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),  # "" for a single image
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "other_label": pa.Column(str, pa.Check.isin([*DISEASES, "other"])),  # the other image's, or the code's
        "reason": pa.Column(str, pa.Check.isin([*LABEL_REVIEW])),
    }
)

merged_patients = _table(
    {
        "patient_key": _key(unique=True),  # of a number that is not its person's own
        "person_key": _key(),
        "shift_days": pa.Column(INT64, pa.Check.in_range(-730, 730)),  # from its date shift to the person's
        "excluded": pa.Column(BOOL),  # in another subset than the person
    }
)

clinical_notes = _table(
    {
        "image_id": _key(unique=True),
        "study_key": _key(),
        "note": pa.Column(str, pa.Check.str_length(min_value=1)),  # scrubbed: [NAME], [DATE], [ID] …
    }
)

patient_subsets = _table(
    {
        "patient_key": _key(unique=True),
        "subset": pa.Column(str, pa.Check.isin(SUBSETS)),
        "assigned_in": pa.Column(INT64, pa.Check.ge(1)),
        "label_at_assignment": pa.Column(str, pa.Check.isin(DISEASES)),
    }
)

split = _table(
    {
        "image_id": _key(unique=True),
        "patient_key": _key(),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "subset": pa.Column(str, pa.Check.isin(SUBSETS)),
    }
)

history = _table(
    {
        "epoch": pa.Column(INT64, pa.Check.ge(1), unique=True),
        "stage": pa.Column(INT64, pa.Check.ge(0)),
        "unfrozen_groups": pa.Column(INT64, pa.Check.ge(0)),
        "trainable_parameters": pa.Column(INT64, pa.Check.ge(0)),
        "learning_rate": pa.Column(FLOAT64, pa.Check.gt(0)),
        "train_loss": pa.Column(FLOAT64, nullable=True),
        "val_loss": pa.Column(FLOAT64, nullable=True),
        "val_accuracy": pa.Column(FLOAT64, nullable=True),
        "val_macro_f1": pa.Column(FLOAT64, nullable=True),
        "best_val_loss": pa.Column(FLOAT64, nullable=True),
        "patience_counter": pa.Column(INT64, pa.Check.ge(0)),
        "seconds": pa.Column(FLOAT64, pa.Check.ge(0)),
        "event": pa.Column(str, pa.Check.isin(HISTORY_EVENTS)),
    }
)

predictions = _table(
    {
        "image_id": _key(unique=True),
        "patient_key": _key(),
        "subset": pa.Column(str, pa.Check.isin(["validation", "test"])),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        **{column: pa.Column(FLOAT64, pa.Check.in_range(0, 1)) for column in PROBABILITY_COLUMNS},
    }
)

_judged = {"file_key": _key(unique=True), **_verdict, "detail": pa.Column(str)}  # fixed vocabulary and numbers
_measured = {
    "view": pa.Column(str, pa.Check.isin(["PA", "AP", "lateral", "unknown"])),  # the header's
    "rows": pa.Column(INT64, pa.Check.ge(0)),  # pixels of the source, as in the manifest
    "columns": pa.Column(INT64, pa.Check.ge(0)),
    "source_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),
    "pixel_sha256": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),
    **_quality,
}
new_images_seen = _table(_judged | _measured)

new_image_probabilities = _table(
    {
        **_judged,
        "predicted": pa.Column(str, pa.Check.isin([*DISEASES, ""])),  # "" where qc_status is rejected
        **{column: pa.Column(FLOAT64, pa.Check.in_range(0, 1), nullable=True) for column in PROBABILITY_COLUMNS},
        "run": pa.Column(str),
        "model_sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        **_measured,
    }
)

external_predictions = _table(
    {
        "run": pa.Column(str, pa.Check.str_matches(r"^[a-z0-9_]+/[a-z0-9_]+/seed_[0-9]+$")),  # folder below 06_models
        "image_id": _key(),
        "patient_key": _key(),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        **{column: pa.Column(FLOAT64, pa.Check.in_range(0, 1)) for column in PROBABILITY_COLUMNS},
    },
    unique=["run", "image_id"],
)
