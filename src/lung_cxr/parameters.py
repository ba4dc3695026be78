"""One Pydantic model per parameter group. The values stand in `conf/`: no field here has a default.

Kedro builds these models before any node runs; a typo or a missing setting stops the run there. Each field says its
unit and its source: a section, table or equation of the paper, or our own choice (see `docs/decisions.md`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, model_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.experiments import BACKBONES

Fraction = Annotated[float, Field(ge=0, le=1)]
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


class ParameterGroup(BaseModel):
    """A group of settings: unknown names are errors, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# --- synthetic hospital ----------------------------------------------------------------------------------------------


SyntheticDefect = Literal[
    "blank",
    "blurred",
    "corrupt",
    "duplicate",
    "inverted",
    "lateral",
    "lateral_untagged",
    "missing_file",
    "near_duplicate",
    "not_a_chest",
    "rotated",
    "small",
    "strip",
    "too_bright",
    "too_dark",
    "truncated",
    "wrong_code",
]


class SyntheticHospitalParameters(ParameterGroup):
    """The hospital that does not exist: how large, and how much is wrong with its exports."""

    seed: int = Field(description="everything drawn follows from it")
    patients: int = Field(ge=7, description="patients in both exports together")
    side: int = Field(ge=128, description="longer side of a radiograph, pixels")
    returning_fraction: Fraction = Field(description="patients of the first export who come again in the second")
    class_counts: dict[str, int] = Field(description="images of each class, as proportions (Table 1)")
    minimum_patients_per_class: int = Field(
        ge=1, description="floor under the long tail, so that a small hospital has it all"
    )
    defects: dict[SyntheticDefect, Annotated[int, Field(ge=0)]] = Field(description="how many of each kind to plant")
    burned_in_fraction: Fraction = Field(description="images with a name burned into the pixels")
    workers: int = Field(description="processes that draw; -1: all cores")

    @model_validator(mode="after")
    def _fits(self) -> "SyntheticHospitalParameters":
        if sorted(self.class_counts) != sorted(DISEASES):
            raise ValueError(f"synthetic_hospital.class_counts: expected exactly the classes {', '.join(DISEASES)}")
        if self.patients < self.minimum_patients_per_class * len(DISEASES):
            raise ValueError(
                f"synthetic_hospital.patients: {self.patients} are too few for {self.minimum_patients_per_class} of "
                f"each of {len(DISEASES)} classes; raise patients or lower minimum_patients_per_class"
            )
        return self


# --- ingestion -------------------------------------------------------------------------------------------------------


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
    max_foreign: float | None = Field(description="score of what is not a chest; null: not judged")
    flag_foreign: float | None = Field(description="the same, above which a person should look; null: never")
    max_turned_foreign: float | None = Field(description="the same, once turned, of what counts as a turned chest")
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


# --- splitting -------------------------------------------------------------------------------------------------------


class SplittingParameters(ParameterGroup):
    """Patients to subsets (section III.D: 80/10/10)."""

    seed: int = Field(description="orders patients of equal size")
    fractions: dict[str, Fraction] = Field(description="subset → share of the images of each class")
    workers: int = Field(description="threads that decode images for the pixel arrays; -1: all cores")

    @model_validator(mode="after")
    def _sum_to_one(self) -> "SplittingParameters":
        complete = set(self.fractions) == {"train", "validation", "test"}
        if not complete or abs(sum(self.fractions.values()) - 1) > 1e-9:
            raise ValueError("splitting.fractions: train, validation and test must be given and sum to 1")
        return self


# --- training --------------------------------------------------------------------------------------------------------


class BackboneParameters(ParameterGroup):
    """One ImageNet backbone (section IV.E)."""

    architecture: str = Field(description="row of models/backbones.py")
    size: int = Field(ge=32, description="input side, pixels (DESIGN §9)")
    weights: str | None = Field(description="imagenet | a path | auto (demo only) | null (random)")
    top_layers: int = Field(ge=0, description="n of Table 3: Keras layers that traditional fine-tuning unfreezes")
    options: dict[str, float] = Field(description="further arguments of the keras.applications constructor")


class DynamicParameters(ParameterGroup):
    """Validation-driven unfreezing (Algorithm 1)."""

    kind: Literal["dynamic"]
    patience: int = Field(ge=1, description="p, epochs without improvement (III.F: 5)")
    step: int = Field(ge=1, description="k, layer groups per unfreezing (III.F: 3)")
    decay: float = Field(ge=0, lt=1, description="learning rate ← learning rate · (1 − decay) (Eq. 12: 0.1)")
    at_full_depth: Literal["stop", "continue"] = Field(description="at m = L on a plateau: stop, or go on to n")


StopPatience = Annotated[
    int | None,
    Field(ge=1, description="epochs without improvement at the last depth that end the run; null: train to n"),
]


class TraditionalParameters(ParameterGroup):
    """A fixed number of top layers unfrozen from the start (Table 3)."""

    kind: Literal["traditional"]
    depth: Literal["table3", "search"] = Field(
        description="n of Table 3 (`top_layers` of the backbone), or the best of search_depths on validation (IV.G)"
    )
    search_depths: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="candidates of `search`: the deepest layer groups; the same for every backbone"
    )
    stop_patience: StopPatience


class LinearProbeParameters(ParameterGroup):
    """The head alone, on frozen features."""

    kind: Literal["linear_probe"]
    stop_patience: StopPatience


class TwoStageParameters(ParameterGroup):
    """The head, then everything."""

    kind: Literal["two_stage"]
    head_patience: int | None = Field(
        ge=1, description="epochs without improvement that end the head's stage; null: only head_epochs does"
    )
    head_epochs: int | None = Field(
        ge=1, description="longest stage of the head, epochs; null: only head_patience ends it"
    )
    stop_patience: StopPatience

    @model_validator(mode="after")
    def _ends(self) -> "TwoStageParameters":
        if self.head_patience is None and self.head_epochs is None:
            raise ValueError(
                "two_stage: head_patience and head_epochs are both null, so the head's stage would never end; "
                "give one of them"
            )
        return self


class GradualParameters(ParameterGroup):
    """Layer groups unfrozen by plan, deepest first (gradual unfreezing of ULMFiT)."""

    kind: Literal["gradual"]
    step: int = Field(ge=1, description="layer groups per unfreezing (ULMFiT: 1)")
    every: int = Field(ge=1, description="epochs between unfreezings (ULMFiT: 1)")
    stop_patience: StopPatience


class FullParameters(ParameterGroup):
    """Everything from the first epoch."""

    kind: Literal["full"]
    stop_patience: StopPatience


AnyStrategy = (
    DynamicParameters
    | TraditionalParameters
    | LinearProbeParameters
    | TwoStageParameters
    | GradualParameters
    | FullParameters
)


class StrategyParameters(RootModel[Annotated[AnyStrategy, Field(discriminator="kind")]]):
    """The settings of one strategy, told apart by `kind`."""

    model_config = ConfigDict(frozen=True)


class AugmentationParameters(ParameterGroup):
    """Table 2; for minority classes only (section III.D)."""

    classes: list[str] | Literal["all_but_largest"] | None = Field(description="classes augmented; null: none")
    rotation: float = Field(ge=0, description="± degrees")
    brightness: tuple[float, float] = Field(description="factor, drawn uniformly")
    contrast: tuple[float, float] = Field(description="factor about the image's mean, drawn uniformly")
    bank: int | None = Field(
        ge=1, description="K copies of each minority image per stage; null: drawn afresh each time"
    )

    @model_validator(mode="after")
    def _possible(self) -> "AugmentationParameters":
        unknown = set(self.classes) - set(DISEASES) if isinstance(self.classes, list) else set()
        if unknown:
            raise ValueError(
                f"augmentation.classes: {', '.join(sorted(unknown))} unknown; the classes are {', '.join(DISEASES)}"
            )
        for name in ("brightness", "contrast"):
            low, high = getattr(self, name)
            if not 0 <= low <= high:
                raise ValueError(
                    f"augmentation.{name}: found [{low}, {high}], expected two factors, the smaller one first"
                )
        return self


class FrozenPrefixParameters(ParameterGroup):
    """How much of what the frozen layers compute is kept (DESIGN §11)."""

    disk_gib: float = Field(ge=0, description="GiB for each backbone in 06_models; 0: nothing is kept")
    memory_gib: float = Field(
        ge=0, description="GiB that main memory is expected to hold; more is read from disk, which may not be worth it"
    )


class LogisticRegressionParameters(ParameterGroup):
    """The logistic regression on frozen features that every strategy is measured against (DESIGN §12)."""

    inverse_penalties: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="scikit-learn's C, for features of unit SD; the best on validation is taken"
    )


class TrainingParameters(ParameterGroup):
    """What every strategy shares (sections III.D, III.F)."""

    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="one run each, one after the other")
    max_epochs: int = Field(ge=1, description="n, over the whole run (III.F: 100)")
    batch_size: int = Field(ge=1, description="images")
    learning_rate: float = Field(gt=0, description="η at the start; the paper does not give it")
    optimizer: Literal["adam", "sgd"] = Field(description="the paper does not give it")
    dropout: float = Field(ge=0, lt=1, description="before the head; the paper does not give it")
    head: Literal["gap", "flatten_dense"] = Field(description="global average pooling, or the paper's file sizes")
    sampling: Literal["balanced", "natural"] = Field(description="III.D: class-balanced batches")
    loss_weights: Literal["inverse_frequency", "none"] = Field(description="Eq. 14, training loss only")
    augmentation: AugmentationParameters
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(description="Keras dtype policy")
    jit_compile: bool | Literal["auto"] = Field(description="auto: XLA on a GPU, never on a CPU")
    steps_per_execution: int = Field(ge=1, description="batches between two returns to Python")
    device_gib: float = Field(ge=0, description="GiB of training images that a GPU holds whole; more stay outside")
    frozen_prefix: FrozenPrefixParameters
    checkpoint_minutes: float | None = Field(
        gt=0, description="within a long epoch, minutes between checkpoints; null: only between epochs and on Ctrl-C"
    )
    logistic_regression: LogisticRegressionParameters
    variant: str = Field(description="folder of the runs below 06_models and 07_model_output; '' is the base's")
    load_time_repeats: int = Field(ge=0, description="cold processes to measure load time with; the median counts")
    single_image_predictions: int = Field(
        ge=0, description="predictions of one image that each of these processes times after its first one"
    )
    force: bool = Field(description="run again what is up to date")


# --- prediction ------------------------------------------------------------------------------------------------------


class PredictParameters(ParameterGroup):
    """Which model says what new images show."""

    run: str | None = Field(description="folder of a finished run below 06_models; null: an error lists them")
    batch_size: int = Field(ge=1, description="images in memory at a time")
    accept_unknown_view: bool = Field(
        description="predict images whose header states no view, in place of ingestion.accept_unknown_view"
    )


# --- sensitivity ------------------------------------------------------------------------------------------------------


class SensitivityParameters(ParameterGroup):
    """Which settings are tried (section III.F; IV.G for the depth of traditional fine-tuning)."""

    backbones: list[str] = Field(description="backbones it is done for; for the others nothing is")
    patience: list[Annotated[int, Field(ge=1)]] = Field(description="p (III.F: 3, 5, 7, 10)")
    step: list[Annotated[int, Field(ge=1)]] = Field(description="k (III.F: 1, 3, 5, 7)")
    decay: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        description="of the learning rate (III.F: 0.1, 0.3, 0.5, 0.7); all p × k × decay are run, at the n of training"
    )
    max_epochs: list[Annotated[int, Field(ge=1)]] = Field(
        description="n, at p, k and decay of strategies.dynamic (III.F: 50, 75, 100, 125 epochs)"
    )
    depths: list[Annotated[int, Field(ge=0)]] = Field(
        description="of traditional fine-tuning: the deepest layer groups, as in its search_depths"
    )

    @model_validator(mode="after")
    def _known(self) -> "SensitivityParameters":
        unknown = sorted(set(self.backbones) - set(BACKBONES))
        if unknown:
            raise ValueError(
                f"sensitivity.backbones: {', '.join(unknown)} unknown; the backbones are {', '.join(BACKBONES)}"
            )
        return self


# --- reporting -------------------------------------------------------------------------------------------------------


class GradCamParameters(ParameterGroup):
    """Where in test images the best run of each backbone saw what it said."""

    images_per_class: int = Field(ge=0, le=20, description="of each class and backbone at most; 0: no model is loaded")


class ReportingParameters(ParameterGroup):
    """How results are summarised (DESIGN §12)."""

    title: str
    bootstrap_draws: int = Field(ge=100, description="resamples of test patients")
    confidence: float = Field(gt=0.5, lt=1, description="of every interval")
    seed: int
    age_bands: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1, description="lower ends of all age bands but the first, years, rising"
    )
    exam_parts: int = Field(ge=2, description="equal parts of the test images in the order of their exam days")
    conformal_coverage: float = Field(gt=0, lt=1, description="share of images whose prediction set holds the truth")
    target_accuracy: float = Field(gt=0, lt=1, description="of the images that a run answers when it may abstain")
    external: str | None = Field(
        description="Parquet file of predictions of an external test set (`contracts.external_predictions`); null: none"
    )
    grad_cam: GradCamParameters

    @model_validator(mode="after")
    def _rising(self) -> "ReportingParameters":
        if sorted(set(self.age_bands)) != self.age_bands:
            raise ValueError(f"reporting.age_bands: found {self.age_bands}, expected rising ages, each once")
        return self
