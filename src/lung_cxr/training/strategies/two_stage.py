"""Two-stage fine-tuning: the head, then all layers. The paper calls it conventional (sections I and II)."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class TwoStageParameters(ParameterGroup):
    """Settings of two-stage fine-tuning."""

    kind: Literal["two_stage"]
    head_patience: int | None = Field(
        ge=1, description="epochs without improvement that end the head's stage; null: only head_epochs ends it"
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
                "set one of them"
            )
        return self


@dataclass(kw_only=True)
class TwoStageSchedule(FixedSchedule):
    """The head until its patience or its epochs run out, then all groups from the best weights of the head.

    Attributes:
        head_patience: Epochs without improvement that end the head's stage; None: only `head_epochs` ends it.
        head_epochs: Longest stage of the head, in epochs; None: only `head_patience` ends it.
        layer_groups: L.
    """

    head_patience: int | None
    head_epochs: int | None
    layer_groups: int

    @property
    def current_patience(self) -> int | None:
        """The patience of the current stage."""
        return self.stop_patience if self.at_last_depth else self.head_patience

    @property
    def at_last_depth(self) -> bool:
        """Whether the one unfreezing is done."""
        return self.stage > 0

    def wants_next_stage(self) -> bool:
        """Return whether the patience or the epochs of the head have run out."""
        out_of_epochs = self.head_epochs is not None and self.epoch >= self.head_epochs
        return not self.at_last_depth and (out_of_epochs or self.has_waited(self.head_patience))

    def groups_of_next_stage(self) -> int:
        """Return L."""
        return self.layer_groups


class TwoStage(Strategy[TwoStageParameters]):
    """Opens the head, then all layer groups."""

    parameters_type = TwoStageParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> TwoStageSchedule:
        """Return a schedule with m = 0, then m = L with early stopping."""
        return TwoStageSchedule(
            **self.fixed_settings(training),
            head_patience=self.parameters.head_patience,
            head_epochs=self.parameters.head_epochs,
            layer_groups=layer_groups,
        )
