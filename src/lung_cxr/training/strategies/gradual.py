"""Gradual unfreezing: layer groups open at fixed epochs, deepest first (Howard and Ruder, ULMFiT, ACL 2018, 3.3)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy


class GradualParameters(ParameterGroup):
    """Settings of gradual unfreezing."""

    kind: Literal["gradual"]
    step: int = Field(ge=1, description="layer groups per unfreezing (ULMFiT: 1)")
    every: int = Field(ge=1, description="epochs between unfreezings (ULMFiT: 1)")
    stop_patience: StopPatience


@dataclass(kw_only=True)
class GradualSchedule(FixedSchedule):
    """`step` more groups after every `every` epochs, independent of the validation loss.

    Training continues from the current weights: a schedule that ignores the loss does not restore the best weights.

    Attributes:
        step: Layer groups per unfreezing.
        every: Epochs of each stage but the last.
        layer_groups: L.
    """

    unfreezes_from_best: ClassVar[bool] = False

    step: int
    every: int
    layer_groups: int

    @property
    def at_last_depth(self) -> bool:
        """Whether m = L."""
        return self.unfrozen_groups >= self.layer_groups

    def wants_next_stage(self) -> bool:
        """Return whether the epochs of a stage are over."""
        return not self.at_last_depth and self.epoch % self.every == 0

    def groups_of_next_stage(self) -> int:
        """Return min(m + step, L)."""
        return min(self.unfrozen_groups + self.step, self.layer_groups)


class Gradual(Strategy[GradualParameters]):
    """Opens the head, then `step` more layer groups at fixed epochs."""

    parameters_type = GradualParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> GradualSchedule:
        """Return a schedule with planned unfreezings, then early stopping."""
        return GradualSchedule(
            **self.fixed_settings(training),
            step=self.parameters.step,
            every=self.parameters.every,
            layer_groups=layer_groups,
        )
