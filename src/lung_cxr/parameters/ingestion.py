"""Settings in `conf/base/parameters_ingestion.yml`."""

import re
from datetime import datetime
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from lung_cxr.diseases import DISEASES, normalise_icd10
from lung_cxr.parameters.base import Fraction, ParameterGroup, check_one_meaning

TextPolicy = Annotated[  # YAML reads a bare `off` as false
    Literal["off", "flag", "redact"], BeforeValidator(lambda value: "off" if value is False else value)
]


ICD10_PREFIX = re.compile(r"[A-Z]\d[0-9A-Z]{0,5}")
A_DAY = datetime(2026, 3, 31)

LogicalColumn = Literal[
    "patient_id",
    "image_path",
    "icd10_primary",
    "diagnosis",
    "study_id",
    "exam_date",
    "sex",
    "birth_date",
    "age",
    "icd10_secondary",
    "view",
    "clinical_note",
    "patient_name",
]


class EmrParameters(ParameterGroup):
    """How to read a hospital's EMR tables."""

    tables: list[str] = Field(
        description="names, or patterns (emr_*.csv), of the EMR tables in an export's folder; all that exist are read"
    )
    header_row: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        description="row of the column names, 1 for the first; auto: the first row that has the required columns"
    )
    columns: dict[LogicalColumn, str | list[str] | None] = Field(
        description="logical column → the hospital's name for it, or a list of alternative names; null: no such column"
    )
    row_filter: dict[str, list[str]] = Field(
        description="the hospital's column → values that are kept; '': an empty field or no such column"
    )
    keep_notes: bool = Field(description="scrub clinical notes and keep them in a separate table; false: drop them")
    patient_id_width: Annotated[int, Field(ge=1, le=32)] | None = Field(
        description="zero-pad patient numbers to this many digits; null: no padding"
    )
    patient_id_ignores: list[Literal["case", "punctuation"]] = Field(
        description="differences between patient numbers that do not count; punctuation includes blanks"
    )
    accept_similar_patient_ids: bool = Field(
        description="accept new patient numbers that equal others except for zeros, case or punctuation"
    )
    date_format: str | None = Field(description="strptime format of exam_date and birth_date; null: ISO or day first")
    views: dict[str, list[str]] = Field(description="PA, AP and lateral → the hospital's words for them, in any case")
    sexes: dict[str, list[str]] = Field(description="F and M → the hospital's words for them, in any case")

    @field_validator("tables")
    @classmethod
    def _stay_in_the_export(cls, tables: list[str]) -> list[str]:
        if any(PurePath(table).is_absolute() or ".." in PurePath(table).parts for table in tables):
            raise ValueError(
                "expected names and patterns of files below an export's folder, without / at the start and .."
            )
        return tables

    @field_validator("date_format")
    @classmethod
    def _states_a_day(cls, date_format: str | None) -> str | None:
        if date_format and datetime.strptime(A_DAY.strftime(date_format), date_format).date() != A_DAY.date():
            raise ValueError(
                f"{date_format!r} lacks a part of the date; expected day, month and year, such as %d/%m/%Y"
            )
        return date_format

    @field_validator("views", "sexes")
    @classmethod
    def _have_one_meaning(cls, words: dict[str, list[str]]) -> dict[str, list[str]]:
        check_one_meaning(words, lambda word: " ".join(word.casefold().split()))
        return words

    def column_names(self, column: LogicalColumn) -> list[str]:
        """Return the hospital's names of a logical column, none if it has no such column."""
        names = self.columns.get(column)
        return [names] if isinstance(names, str) else names or []


class Icd10Parameters(ParameterGroup):
    """ICD-10 → class; the longest prefix wins."""

    version: str = Field(
        description="version of the mapping, recorded with every catalogue; raise it with every change"
    )
    classes: dict[str, list[str]] = Field(
        description="class → ICD-10 prefixes; the classes themselves are fixed in diseases.py"
    )

    @field_validator("classes")
    @classmethod
    def _are_known(cls, classes: dict[str, list[str]]) -> dict[str, list[str]]:
        if unknown := sorted(set(classes) - set(DISEASES)):
            raise ValueError(
                f"unknown class {', '.join(map(repr, unknown))}; expected only {', '.join(DISEASES)}, "
                "which are fixed in src/lung_cxr/diseases.py"
            )
        prefixes = [code for codes in classes.values() for code in codes]
        if strange := [code for code in prefixes if not ICD10_PREFIX.fullmatch(normalise_icd10(code))]:
            raise ValueError(
                f"{strange[0]!r} is no beginning of a code; expected such as J18 or J18.9, one for each code"
            )
        check_one_meaning(classes, normalise_icd10)
        return classes


class QualityParameters(ParameterGroup):
    """Thresholds of quality control; conf/base gives the reason for each value."""

    min_side: int = Field(ge=1, description="minimum length of the longer side, in pixels")
    max_aspect_ratio: float = Field(gt=1, description="maximum ratio of the longer to the shorter side")
    min_sharpness: float = Field(
        ge=0, description="minimum SD of the Laplacian at 512 pixels, in grey values (0 to 255)"
    )
    max_sharpness: float | None = Field(description="maximum SD of the Laplacian; noise is above it; null: no limit")
    min_contrast: float = Field(
        ge=0, description="minimum difference of the 99th and 1st percentile at 32 pixels, in grey values (0 to 255)"
    )
    max_dark_fraction: Fraction = Field(description="maximum share of pixels with value 0")
    max_bright_fraction: Fraction = Field(description="maximum share of pixels with value 255")
    max_rotation: float | None = Field(
        description="maximum of the best rotated minus the upright pose score; null: no limit"
    )
    max_lateral: float | None = Field(
        description="maximum lateral score of an image without a stated view; null: no limit"
    )
    flag_lateral: float | None = Field(
        description="lateral score above which an image is flagged for inspection; null: never"
    )
    max_non_chest: float | None = Field(description="maximum non-chest score; null: no limit")
    flag_non_chest: float | None = Field(
        description="non-chest score above which an image is flagged for inspection; null: never"
    )
    max_non_chest_rotated: float | None = Field(
        description="maximum non-chest score, after rotation upright, of an image rejected as rotated; null: no limit"
    )
    near_duplicate_bits: int = Field(
        ge=0, le=16, description="maximum Hamming distance of the 256-bit difference hashes of near duplicates"
    )
    near_duplicate_correlation: Fraction = Field(
        description="minimum Pearson correlation of near duplicates, at 128 × 128 pixels"
    )


class StandardiseParameters(ParameterGroup):
    """How decoded pixels become stored images (section III.B)."""

    side: int = Field(ge=32, description="side of the stored images, in pixels; the paper's: 1024")
    percentiles: tuple[float, float] = Field(
        strict=False, description="percentiles of the pixel values that are mapped to 0 and 255"
    )
    aspect: Literal["pad", "stretch"] = Field(description="pad the image to a square, or stretch it")
    max_inversion: float | None = Field(
        description="maximum of the inverted minus the original pose score; an image above it is inverted; null: never"
    )


class IngestionParameters(ParameterGroup):
    """Rules of acceptance into the catalogue."""

    max_fault_fraction: Fraction = Field(
        description="maximum share of faulty rows in an export; above it the run fails after saving all good images"
    )
    max_withdrawn_fraction: Fraction = Field(
        description="share of the catalogue's patients that withdrawal lists erase without confirmation"
    )
    confirmed_withdrawals: int = Field(
        ge=0, description="number of patients whose erasure is confirmed above that share"
    )
    header_mismatch: Literal["fault", "flag", "ignore"] = Field(
        description="treatment of a DICOM header of another patient than the row: fault, flag, or no comparison"
    )
    accept_unknown_view: bool = Field(
        description="keep images for which neither the table nor the header gives the view"
    )
    burned_in_text: TextPolicy = Field(
        description="text in the pixels is ignored (off), quarantined (flag) or blacked out (redact)"
    )
    accept_unchecked_pixels: bool = Field(
        description="keep images that were not searched for burned-in text; the report says so first"
    )
    trust_timestamps: bool = Field(
        description="treat a file of unchanged size and time as unchanged; false: compare the bytes of every file"
    )
    max_megapixels: float = Field(
        gt=0, description="maximum size of an image, in millions of pixels; larger ones are rejected before decoding"
    )
    reread: int = Field(ge=0, description="number that makes all files be read again when it changes")
    quality: QualityParameters
    standardise: StandardiseParameters
    workers: int = Field(
        description="number of reader processes; -1: one per core; 1: none, a crash of a decoder then ends the run"
    )


class DriftParameters(ParameterGroup):
    """When an export differs from the earlier catalogue (`evaluation/drift.py`)."""

    min_distance: Fraction = Field(
        description="minimum distance of the two distributions that counts as drift, as a share of the images"
    )
    significance: float = Field(gt=0, lt=1, description="maximum Holm-adjusted p-value of drift")
    min_patients: int = Field(ge=2, description="minimum number of patients on each side; with fewer there is no test")
    max_patients: int = Field(ge=100, description="maximum number of patients on each side; larger sides are sampled")
    n_resamples: int = Field(ge=100, description="random reassignments of patients to the two sides")
    seed: int = Field(ge=0, description="seed of the permutation test")


class IngestionReportParameters(ParameterGroup):
    """The refresh report."""

    title: str = Field(description="title of the page")
    max_exports: int = Field(ge=1, description="number of newest exports that get a column and a drift table")
    max_rejected_thumbnails: int = Field(
        ge=0, description="maximum number of rejected images on the contact sheet; 0: none"
    )
    max_flagged_thumbnails: int = Field(
        ge=0, description="maximum number of flagged images on the contact sheet; 0: none"
    )
    max_review_items: int = Field(ge=0, description="maximum number of questions on the review page")
    review_pictures: bool = Field(description="show images on the review page; false: their export and row only")
    review_originals: bool = Field(
        description="write a second review page into 01_raw, with the pixels before redaction; they may hold names"
    )
    drift: DriftParameters


class KeyRotationParameters(ParameterGroup):
    """Rotation of the pseudonymisation key."""

    drop_unknown: bool = Field(
        description="delete images and patients that no raw row names; false: refuse to rotate the key"
    )
