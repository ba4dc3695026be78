"""LP-FT: the linear probe until it converges, then all layers at a lower rate (Kumar et al., ICLR 2022)."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.strategy import Strategy
from lung_cxr.training.strategies.two_stage import TwoStageSchedule


class LpFtParameters(ParameterGroup):
    """Settings of LP-FT."""

    kind: Literal["lp_ft"]
    head_patience: int = Field(ge=1, description="epochs without improvement that end the linear probe")
    fine_tuning_rate: float = Field(gt=0, le=1, description="factor of the learning rate after the linear probe")
    stop_patience: StopPatience


@dataclass(kw_only=True)
class LpFtSchedule(TwoStageSchedule):
    """Two stages; the second one has a lower learning rate.

    Attributes:
        fine_tuning_rate: Factor of the learning rate in the second stage.
    """

    fine_tuning_rate: float

    @property
    def stage_learning_rate(self) -> float:
        """η for the linear probe, then η · fine_tuning_rate."""
        return self.initial_learning_rate * (self.fine_tuning_rate if self.at_last_depth else 1)


class LpFt(Strategy[LpFtParameters]):
    """Opens the head, then all layer groups from the best weights of the head."""

    parameters_type = LpFtParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> LpFtSchedule:
        """Return a schedule with m = 0, then m = L at a lower rate with early stopping."""
        return LpFtSchedule(
            **self.fixed_settings(training),
            head_patience=self.parameters.head_patience,
            head_epochs=None,
            layer_groups=layer_groups,
            fine_tuning_rate=self.parameters.fine_tuning_rate,
        )
