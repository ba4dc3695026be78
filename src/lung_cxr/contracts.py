"""Pandera schemas of all tables that pipelines exchange: columns, dtypes and rules in one place.

These tables hold no identifiers, so Pandera may quote a failing value. Raw EMR tables are checked in
`imaging/emr/records.py`, whose messages hold no value.
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
"""QC metrics of every readable image; the manifest stores them as `qc_<metric>`."""

DECISIONS = ("accept", "reject", "label", "keep_pixels")
"""Decisions of a person about an image, in `decisions.csv`."""

WATCHED = (
    *("rejected", "low_confidence", "unlike_training", "distance"),
    *(f"qc_{metric}" for metric in QC_METRICS),
    *(f"share_{column.removeprefix('p_')}" for column in PROBABILITY_COLUMNS),
)
"""Quantities of a batch with control limits in `watched_batches`."""

HISTORY_EVENTS = ("", "unfreeze", "retrain_head", "stop:nan", "stop:plateau", "stop:budget")


def _key(**kwargs: Any) -> pa.Column:
    return pa.Column(str, pa.Check.str_matches(KEY), **kwargs)


def _table(columns: dict[str, pa.Column], **kwargs: Any) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(columns, strict=True, coerce=True, ordered=True, **kwargs)


known_exports = _table(
    {
        "export": pa.Column(
            INT64, pa.Check.ge(1), unique=True
        ),  # ordinal: the only name of an export after 02_intermediate
        "export_id": pa.Column(str, unique=True),  # the folder's name, in 02_intermediate only
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
        "label_source": pa.Column(
            str, pa.Check.isin(["diagnosis", "icd10", "decision"])
        ),  # consensus, codes or a person
        "icd10_label": pa.Column(str, pa.Check.isin([*DISEASES, "other", ""])),  # class by the codes; "": no code
        "view": pa.Column(str, pa.Check.isin(["PA", "AP", "lateral", "unknown"])),
        "sex": pa.Column(str, pa.Check.isin(["F", "M", "unknown"])),
        "age_years": pa.Column(FLOAT64, pa.Check.in_range(0, 90), nullable=True),
        "age_reason": pa.Column(str, pa.Check.isin(["", "not_given", "not_understood"])),  # why age_years is empty
        "exam_day": pa.Column("datetime64[us]", nullable=True),  # shifted per patient
        # why exam_day is empty; ambiguous: day and month could be exchanged
        "exam_day_reason": pa.Column(str, pa.Check.isin(["", "not_given", "not_understood", "ambiguous"])),
        "export": pa.Column(INT64, pa.Check.ge(1)),  # first export that named the image
        "source_export": pa.Column(INT64, pa.Check.ge(1)),  # latest export that named the image: its row and file
        "table": pa.Column(INT64, pa.Check.ge(0)),  # number in its export, from 1; 0: the only table
        "row": pa.Column(INT64, pa.Check.ge(1)),
    }
)

_rejection = {
    "export": pa.Column(INT64, pa.Check.ge(1)),
    "row": pa.Column(INT64, pa.Check.ge(1)),  # 1: first row below the header
    "file_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),
    "reason_code": pa.Column(str),
    "detail": pa.Column(str),  # fixed words and numbers, no value of the input
}
rejected_records = _table(dict(_rejection))
rejected_images = _table(dict(_rejection))

_quality = {f"qc_{metric}": pa.Column(FLOAT64, nullable=True) for metric in QC_METRICS}
_qc_status = {
    "qc_status": pa.Column(str, pa.Check.isin(["accepted", "rejected"])),
    "qc_reasons": pa.Column(str),  # ;-separated reasons, or flags of an accepted image
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
        "source_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),  # "": no file
        "pixel_sha256": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),  # "": nothing stored
        "difference_hash": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),  # 256 bits
        "rows": pa.Column(INT64, pa.Check.ge(0)),  # pixels of the source; 0: unreadable
        "columns": pa.Column(INT64, pa.Check.ge(0)),
        **_quality,
        **_qc_status,
        "image_path": pa.Column(str),  # below 03_primary/images: "<2>/<image_id>.png"; "": nothing stored
    }
)

label_review = _table(
    {
        "image_id": _key(),
        "other_image_id": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),  # "": a single image
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "other_label": pa.Column(str, pa.Check.isin([*DISEASES, "other"])),  # class of the other image or of the codes
        "reason": pa.Column(str, pa.Check.isin([*LABEL_REVIEW])),
    }
)

label_suspects = _table(  # the most suspect label first
    {
        "image_id": _key(unique=True),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        "other_label": pa.Column(str, pa.Check.isin(DISEASES)),  # most probable one of the other classes
        "probability": pa.Column(FLOAT64, pa.Check.in_range(0, 1)),  # of the label, by a model of other patients
        "other_probability": pa.Column(FLOAT64, pa.Check.in_range(0, 1)),
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

_optional_key = pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$"))
row_identities = _table(
    {
        "image_id": _key(unique=True),
        "header_id": _optional_key,  # keys of the row's number, name and birth date, compared with the header's
        "header_name": _optional_key,
        "header_birth": _optional_key,
    }
)

shared_images = _table(
    {
        "image_id": _key(),  # of the file
        "other_image_id": _key(),  # id that several exports name
        "export": pa.Column(INT64, pa.Check.ge(1)),
        "file_stamp": pa.Column(str),  # keyed hash of size and time: the file is compared again only if it changes
    },
    unique=["other_image_id", "export"],
)

image_decisions = _table(
    {
        "image_id": _optional_key,  # "": unknown image
        "export": pa.Column(INT64, pa.Check.ge(0)),  # 0: the decision names the image's key
        "file_key": _optional_key,
        "decision": pa.Column(str, pa.Check.isin(DECISIONS)),
        "value": pa.Column(str, pa.Check.isin([*DISEASES, ""])),  # class of a label decision
        "list": pa.Column(str),  # file and place of the list
        "list_row": pa.Column(INT64, pa.Check.ge(0)),  # 1: first row below the header
        "outcome": pa.Column(str),  # reason why the decision does not apply: imaging/catalogue/decisions.py
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

patient_folds = _table(
    {
        "patient_key": _key(unique=True),
        "fold": pa.Column(INT64, pa.Check.ge(1)),
        "folds": pa.Column(INT64, pa.Check.ge(2)),
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

_qc_result = {"file_key": _key(unique=True), **_qc_status, "detail": pa.Column(str)}  # fixed words and numbers
_measured = {
    "view": pa.Column(str, pa.Check.isin(["PA", "AP", "lateral", "unknown"])),  # by the header
    "rows": pa.Column(INT64, pa.Check.ge(0)),  # pixels of the source, as in the manifest
    "columns": pa.Column(INT64, pa.Check.ge(0)),
    "source_key": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{32})?$")),
    "pixel_sha256": pa.Column(str, pa.Check.str_matches(r"^([0-9a-f]{64})?$")),
    **_quality,
}
new_images_seen = _table(_qc_result | _measured)

new_image_probabilities = _table(
    {
        **_qc_result,
        "predicted": pa.Column(str, pa.Check.isin([*DISEASES, ""])),  # "": rejected
        **{column: pa.Column(FLOAT64, pa.Check.in_range(0, 1), nullable=True) for column in PROBABILITY_COLUMNS},
        # after temperature scaling and adjustment to the class shares
        **{
            f"calibrated_{column.removeprefix('p_')}": pa.Column(FLOAT64, pa.Check.in_range(0, 1), nullable=True)
            for column in PROBABILITY_COLUMNS
        },
        "prediction_set": pa.Column(str),  # ;-separated classes, the most probable first
        "decision": pa.Column(str, pa.Check.isin([*DISEASES, "refer"])),
        "refer_reason": pa.Column(str),  # ;-separated codes of prediction/decide.py
        "distance": pa.Column(FLOAT64, pa.Check.ge(0), nullable=True),
        "distance_percentile": pa.Column(FLOAT64, pa.Check.in_range(0, 100), nullable=True),
        "prevalence": pa.Column(str),  # class shares that the calibrated probabilities hold for
        "run": pa.Column(str),
        "model_sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        **_measured,
    }
)

external_predictions = _table(
    {
        "run": pa.Column(str, pa.Check.str_matches(r"^[\w.-]+(/[\w.-]+)+/seed_[0-9]+$")),  # folder below 06_models
        "image_id": _key(),
        "patient_key": _key(),
        "label": pa.Column(str, pa.Check.isin(DISEASES)),
        **{column: pa.Column(FLOAT64, pa.Check.in_range(0, 1)) for column in PROBABILITY_COLUMNS},
        "distance": pa.Column(FLOAT64, pa.Check.ge(0), nullable=True, required=False),  # to the training images
    },
    unique=["run", "image_id"],
)

_fraction = pa.Column(FLOAT64, pa.Check.in_range(0, 1), nullable=True)
watched_batches = _table(
    {
        "time": pa.Column("datetime64[us, UTC]"),
        "pipeline": pa.Column(str, pa.Check.isin(["predict", "evaluate"])),
        "run": pa.Column(str),
        "model_sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        "files": pa.Column(INT64, pa.Check.ge(0)),
        "images": pa.Column(INT64, pa.Check.ge(0)),  # accepted
        "patients": pa.Column(FLOAT64, pa.Check.ge(0), nullable=True),  # NaN: not known
        "false_alarm_rate": pa.Column(FLOAT64, pa.Check.in_range(0, 1)),  # of the limits in this row
        "referred": _fraction,  # share of the accepted images, by the rule without adjustment to other class shares
        **{f"mean_{name}": pa.Column(FLOAT64, nullable=True) for name in ("distance", *_quality)},
        # shares; of `distance` and the QC metrics, the mean percentile in the reference
        **{f"{name}{part}": _fraction for name in WATCHED for part in ("", "_expected", "_low", "_high")},
    }
)
