"""Settings in `conf/base/parameters_ingestion.yml`."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from lung_cxr.parameters.base import Fraction, ParameterGroup

TextPolicy = Annotated[  # YAML reads a bare `off` as false
    Literal["off", "flag", "redact"], BeforeValidator(lambda value: "off" if value is False else value)
]


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
    """How to read a hospital's EMR tables (DESIGN §4)."""

    tables: list[str] = Field(description="file names looked for in an export's folder; all that exist are read")
    columns: dict[LogicalColumn, str | None] = Field(
        description="logical column → the hospital's own name; null: it has none"
    )
    row_filter: dict[str, list[str]] = Field(
        description="the hospital's column → values kept; '' is an empty cell or no such column"
    )
    keep_notes: bool = Field(description="scrub clinical notes into a table of their own; false: drop them")
    patient_id_width: int | None = Field(description="zero-pad numbers to this many characters; null: leave")
    date_format: str | None = Field(description="strptime format of exam_date and birth_date; null: ISO or day first")
    views: dict[str, list[str]] = Field(description="PA, AP and lateral → what the hospital writes (case ignored)")
    sexes: dict[str, list[str]] = Field(description="F and M → what the hospital writes (case ignored)")


class Icd10Parameters(ParameterGroup):
    """ICD-10 → class; the longest prefix wins (DESIGN §4)."""

    version: str = Field(description="recorded with every catalogue; raise it with every change")
    classes: dict[str, list[str]] = Field(description="class → prefixes, in the order of Table 1")


class QualityParameters(ParameterGroup):
    """Thresholds of quality control (DESIGN §7); how each was chosen stands beside its value in conf/."""

    min_side: int = Field(ge=1, description="shorter limits of the longer side, pixels")
    max_aspect_ratio: float = Field(gt=1, description="longer over shorter side")
    min_sharpness: float = Field(ge=0, description="SD of the Laplacian at 512 pixels, of 255")
    min_contrast: float = Field(ge=0, description="P99 − P1 at 32 pixels, of 255")
    max_dark_fraction: Fraction = Field(description="share of pixels at 0")
    max_bright_fraction: Fraction = Field(description="share of pixels at 255")
    max_rotation: float | None = Field(description="best turned over upright pose score; null: not judged")
    max_lateral: float | None = Field(description="score of a side view, where no view is given; null: not judged")
    flag_lateral: float | None = Field(description="the same, above which a person should look; null: never")
    max_non_chest: float | None = Field(description="score of what is not a chest; null: not judged")
    flag_non_chest: float | None = Field(description="the same, above which a person should look; null: never")
    max_non_chest_rotated: float | None = Field(description="the same, once turned, of what counts as a turned chest")
    near_duplicate_bits: int = Field(ge=0, le=16, description="Hamming distance of 256-bit difference hashes")
    near_duplicate_correlation: Fraction = Field(description="Pearson, at 128 × 128")


class StandardiseParameters(ParameterGroup):
    """From decoded pixels to the 1024² store (section III.B)."""

    side: int = Field(ge=32, description="pixels; the paper stores 1024")
    percentiles: tuple[float, float] = Field(description="robust window mapped to 0…255")
    aspect: Literal["pad", "stretch"] = Field(description="pad to a square, or stretch")
    max_inversion: float | None = Field(
        description="pose score with black and white exchanged over as it is; above it they are; null: never"
    )


class IngestionParameters(ParameterGroup):
    """What is accepted into the catalogue (DESIGN §4, §6, §7)."""

    max_fault_fraction: Fraction = Field(description="above it the run fails, after everything good was saved")
    accept_unknown_view: bool = Field(description="keep images whose view nobody wrote down")
    burned_in_text: TextPolicy = Field(
        description="text in the pixels: not looked for, quarantined or blacked out (DESIGN §6)"
    )
    accept_unchecked_pixels: bool = Field(
        description="where nobody looked, keep images that may hold burned-in text; the report says so first"
    )
    trust_timestamps: bool = Field(
        description="a file of the same size and time is the same; false: compare the bytes of every file"
    )
    max_megapixels: float = Field(gt=0, description="larger images are refused before they are decoded")
    quality: QualityParameters
    standardise: StandardiseParameters
    workers: int = Field(description="processes; -1: all cores; 1: the run itself, which a crashing decoder ends")


class DriftParameters(ParameterGroup):
    """When an export counts as unlike the catalogue so far (`evaluation/drift.py`)."""

    min_distance: Fraction = Field(description="share of images; a smaller distance is no drift, however certain")
    significance: float = Field(gt=0, lt=1, description="Holm-adjusted p below it")
    min_patients: int = Field(ge=2, description="on either side; with fewer nothing is said")
    max_patients: int = Field(ge=100, description="on either side; of more, so many are drawn")
    draws: int = Field(ge=100, description="times that patients are dealt to the two sides anew")
    seed: int = Field(ge=0, description="of the draws")


class IngestionReportParameters(ParameterGroup):
    """The page that a refresh ends with."""

    title: str
    max_exports: int = Field(ge=1, description="newest exports with a column or a drift table of their own")
    max_rejected_thumbnails: int = Field(ge=0, description="rejected images on the contact sheet; 0: none")
    max_flagged_thumbnails: int = Field(ge=0, description="accepted images with a remark on theirs; 0: none")
    drift: DriftParameters


class KeyRotationParameters(ParameterGroup):
    """Another pseudonymisation key for a catalogue that stays (DESIGN §6)."""

    drop_unknown: bool = Field(description="leave out what no raw row names; false: refuse to change the key")
