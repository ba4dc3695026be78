"""Full fine-tuning: all layers train from the first epoch to the last."""

from typing import Literal

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class FullParameters(ParameterGroup):
    """Settings of full fine-tuning."""

    kind: Literal["full"]
    stop_patience: StopPatience


class Full(Strategy[FullParameters]):
    """Opens all layer groups (m = L)."""

    parameters_type = FullParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedSchedule:
        """Return a fixed schedule at m = L with early stopping."""
        return FixedSchedule(**self.fixed_settings(training), unfrozen_groups=layer_groups)
