"""Auto-RGN: all layers train, and the rate of each tensor follows its relative gradient norm.

Lee et al. (Surgical Fine-Tuning Improves Adaptation to Distribution Shifts, ICLR 2023). The head trains at the full
rate: it starts from zero and thus has no relative norm. `training/optimizer.py` measures the norms.
"""

from typing import Literal

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class AutoRgnParameters(ParameterGroup):
    """Settings of Auto-RGN."""

    kind: Literal["auto_rgn"]
    stop_patience: StopPatience


class AutoRgn(Strategy[AutoRgnParameters]):
    """Opens all layer groups (m = L)."""

    parameters_type = AutoRgnParameters
    scales_by_gradient_norm = True

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedSchedule:
        """Return a fixed schedule at m = L with early stopping."""
        return FixedSchedule(**self.fixed_settings(training), unfrozen_groups=layer_groups)
