"""Linear probe: the head alone trains, on frozen features."""

from typing import Literal

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class LinearProbeParameters(ParameterGroup):
    """Settings of the linear probe."""

    kind: Literal["linear_probe"]
    stop_patience: StopPatience


class LinearProbe(Strategy[LinearProbeParameters]):
    """Opens the head only (m = 0)."""

    parameters_type = LinearProbeParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedSchedule:  # noqa: ARG002
        """Return a fixed schedule at m = 0 with early stopping."""
        return FixedSchedule(**self.fixed_settings(training))
