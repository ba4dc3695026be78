"""Layer-wise decay: all layers train, each layer group at a lower rate than the next one towards the head.

Clark et al. (ELECTRA, ICLR 2020) and Bao et al. (BEiT, ICLR 2022) use it to fine-tune transformers.
"""

from typing import Literal

from pydantic import Field

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class LayerDecayParameters(ParameterGroup):
    """Settings of layer-wise decay."""

    kind: Literal["layer_decay"]
    decay: float = Field(gt=0, le=1, description="factor of the learning rate per layer group, from the head")
    stop_patience: StopPatience


class LayerDecay(Strategy[LayerDecayParameters]):
    """Opens all layer groups (m = L)."""

    parameters_type = LayerDecayParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedSchedule:
        """Return a fixed schedule at m = L with early stopping."""
        return FixedSchedule(**self.fixed_settings(training), unfrozen_groups=layer_groups)

    def learning_rate_factor(self, depth: int) -> float:
        """Return decay^depth: 1 for the head, decay for the group nearest to it."""
        return self.parameters.decay**depth
