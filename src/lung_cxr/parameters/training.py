"""Settings in `training:` of `conf/base/parameters_training.yml`.

The settings in `strategies:` are in `training/strategies/`, one file per strategy.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters.base import Off, ParameterGroup
from lung_cxr.parameters.decision_rule import DecisionRuleParameters

Sampling = Literal["balanced", "natural"]

StopPatience = Annotated[
    int | None,
    Field(ge=1, description="epochs without improvement at the last depth that end the run; null: train to n"),
]


class AugmentationParameters(ParameterGroup):
    """Augmentation (Table 2), of minority classes only (section III.D)."""

    classes: list[str] | Literal["all_but_largest"] | None = Field(description="classes augmented; null: none")
    rotation: float = Field(ge=0, description="± degrees")
    brightness: tuple[float, float] = Field(strict=False, description="factor, drawn uniformly")
    contrast: tuple[float, float] = Field(strict=False, description="factor about the image's mean, drawn uniformly")
    bank: int | None = Field(
        ge=1, description="K copies of each augmented image per stage; null: new parameters for each sample"
    )
    unchanged_share: Annotated[float, Off(0.0)] = Field(
        ge=0, le=1, description="share of the samples of augmented classes that are shown unchanged"
    )

    @model_validator(mode="after")
    def _valid(self) -> "AugmentationParameters":
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
    """Size of the cache for the features of frozen layers."""

    disk_gib: float = Field(ge=0, description="GiB per backbone in 06_models; 0: no cache")
    memory_gib: float = Field(
        ge=0, description="GiB of features that main memory holds; more are read from disk, which may not pay"
    )


class ReferenceModelParameters(ParameterGroup):
    """A block of `reference_models:`, a logistic regression on frozen features."""

    kind: str = Field(pattern=r"^[a-z_]+$", description="name of the grid point, as that of the block")
    inverse_penalties: list[Annotated[float, Field(gt=0)]] = Field(
        min_length=1,
        description="candidates for C of scikit-learn, for features of unit SD; the best on validation is chosen",
    )
    depths: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="layer groups left out before pooling; features of several depths are concatenated"
    )
    flips: bool = Field(description="train on each image and its horizontal mirror image; predict the image alone")
    augmented_copies: int = Field(
        ge=0, description="copies of each training image with the augmentation of the strategies; 0: unchanged images"
    )
    oversampling: Annotated[Literal["none", "smote", "adasyn"], Off("none")] = Field(
        description="interpolated features of the rare classes, until all classes are equally large"
    )

    @model_validator(mode="after")
    def _one_kind_of_rows(self) -> "ReferenceModelParameters":
        if self.oversampling != "none" and (self.flips or self.augmented_copies):
            raise ValueError(
                f"oversampling is {self.oversampling} with flips or augmented copies; expected flips: false and "
                "augmented_copies: 0, as it interpolates between images of equal weight"
            )
        return self


class LossSettings(ParameterGroup):
    """Settings of the training losses and loss weights; see `training/losses.py` and `data/class_weights.py`."""

    focal_gamma: float = Field(ge=0, description="γ of the focal loss (Lin et al. 2017: 2)")
    logit_adjustment: float = Field(gt=0, description="τ of the logit-adjusted loss (Menon et al. 2021: 1)")
    ldam_margin: float = Field(gt=0, description="LDAM margin of the rarest class (Cao et al. 2019: 0.5)")
    reweighting_epoch: int = Field(ge=1, description="first epoch in which `ldam_drw` applies the loss weights")
    effective_number_beta: float = Field(ge=0, lt=1, description="β of the effective number (Cui et al. 2019)")


LOSS_SETTINGS_IN_USE = {
    "focal": ("focal_gamma",),
    "logit_adjusted": ("logit_adjustment",),
    "ldam_drw": ("ldam_margin", "reweighting_epoch"),
    "effective_number": ("effective_number_beta",),
}
"""Value of `loss` or `loss_weights` → its settings; all others have no effect."""


class TrainingParameters(ParameterGroup):
    """Settings that all strategies share (sections III.D and III.F)."""

    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, description="one run per seed")
    max_epochs: int = Field(ge=1, description="n, epochs of the whole run (III.F: 100)")
    batch_size: int = Field(ge=1, description="images per batch")
    learning_rate: float = Field(gt=0, description="initial η; the paper does not state it")
    optimizer: Literal["adam", "sgd"] = Field(description="the paper does not state it")
    learning_rate_schedule: Annotated[Literal["constant", "cosine", "warmup_cosine"], Off("constant")] = Field(
        description="change of the learning rate over the n epochs, besides that of the strategy"
    )
    weight_decay: Annotated[float, Off(0.0)] = Field(
        ge=0, description="decoupled decay of kernels, as a multiple of the learning rate; 0: none"
    )
    ema_decay: Annotated[float | None, Off(None)] = Field(
        gt=0, lt=1, description="decay per step of the averaged weights, which are validated and saved; null: none"
    )
    dropout: float = Field(ge=0, lt=1, description="rate before the last layer; the paper does not state it")
    head: Literal["gap", "flatten_dense"] = Field(
        description="global average pooling, or dense layers near the paper's file sizes"
    )
    sampling: Sampling = Field(description="III.D: class-balanced batches")
    loss: Annotated[Literal["cross_entropy", "focal", "logit_adjusted", "ldam_drw"], Off("cross_entropy")] = Field(
        description="training loss; validation always uses the unweighted cross-entropy"
    )
    loss_weights: Literal["inverse_frequency", "effective_number", "none"] = Field(
        description="weights by class, training loss only: Eq. 14, effective number of images, or none"
    )
    loss_settings: LossSettings
    augmentation: AugmentationParameters
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = Field(description="Keras dtype policy")
    jit_compile: bool | Literal["auto"] = Field(description="auto: XLA on a GPU, not on a CPU")
    steps_per_execution: int = Field(ge=1, description="batches per call from Python")
    device_gib: float = Field(ge=0, description="largest GPU-resident dataset, GiB; a larger one stays in main memory")
    frozen_prefix: FrozenPrefixParameters
    checkpoint_minutes: float | None = Field(
        gt=0, description="minutes between checkpoints within an epoch; null: only after epochs and on Ctrl-C"
    )
    decision_rule: DecisionRuleParameters
    experiment: str = Field(
        pattern=r"^[\w-]*$", description="name of an experiment, subfolder of its runs and reports; '': none"
    )
    load_time_repeats: int = Field(ge=0, description="new processes that measure the load time; the median counts")
    single_image_predictions: int = Field(
        ge=0, description="predictions of one image that each of these processes measures after its first one"
    )
    force: bool = Field(description="repeat runs that are up to date")

    @model_validator(mode="after")
    def _valid(self) -> "TrainingParameters":
        if self.loss == "logit_adjusted" and self.sampling == "balanced":
            raise ValueError(
                "loss: found logit_adjusted with sampling: balanced, expected sampling: natural. Balanced samples need "
                "no adjustment; the loss would be cross_entropy"
            )
        if self.loss == "ldam_drw" and self.loss_weights == "none":
            raise ValueError(
                "loss: found ldam_drw with loss_weights: none, expected effective_number or inverse_frequency, which "
                "apply from loss_settings.reweighting_epoch on"
            )
        return self

    def effective_settings(self) -> dict[str, Any]:
        """Return the settings as JSON values, without those that are off or belong to another loss."""
        values = super().effective_settings()
        every = values.pop("loss_settings")
        names = [name for of in (self.loss, self.loss_weights) for name in LOSS_SETTINGS_IN_USE.get(of, ())]
        return values | ({"loss_settings": {name: every[name] for name in names}} if names else {})
