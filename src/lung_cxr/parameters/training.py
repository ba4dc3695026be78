"""Settings in `conf/base/parameters_training.yml`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, RootModel, model_validator

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters.base import ParameterGroup


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
