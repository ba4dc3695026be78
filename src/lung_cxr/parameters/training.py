"""Settings in `training:` of `conf/base/parameters_training.yml`.

The settings in `strategies:` are in `training/strategies/`, one file per strategy.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters.base import ParameterGroup

StopPatience = Annotated[
    int | None,
    Field(ge=1, description="epochs without improvement at the last depth that end the run; null: train to n"),
]


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
