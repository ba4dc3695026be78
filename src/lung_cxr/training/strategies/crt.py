"""cRT: all layers with natural sampling, then the head again with class-balanced sampling.

Kang et al. (Decoupling Representation and Classifier for Long-Tailed Recognition, ICLR 2020): natural sampling gives
the better features, class-balanced sampling the better classifier. In the second stage the backbone is frozen, so that
its features are cached, and the head starts again from its initial weights.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from lung_cxr.parameters import ParameterGroup, Sampling, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule, StageEvent
from lung_cxr.training.strategies.strategy import Strategy


class CrtParameters(ParameterGroup):
    """Settings of cRT."""

    kind: Literal["crt"]
    representation_patience: int = Field(ge=1, description="epochs without improvement that end the first stage")
    representation_epochs: int = Field(ge=1, description="longest first stage, epochs")
    stop_patience: StopPatience


@dataclass(kw_only=True)
class CrtSchedule(FixedSchedule):
    """All groups until patience or epochs of the first stage run out, then a new head on the best backbone.

    The validation loss of the two stages does not compare, because sampling differs: the second stage selects its own
    best weights, and only they are the result.

    Attributes:
        representation_patience: Epochs without improvement that end the first stage.
        representation_epochs: Longest first stage, in epochs.
    """

    stage_event: ClassVar[StageEvent] = "retrain_head"

    representation_patience: int
    representation_epochs: int

    @property
    def current_patience(self) -> int | None:
        """The patience of the current stage."""
        return self.stop_patience if self.at_last_depth else self.representation_patience

    @property
    def at_last_depth(self) -> bool:
        """Whether the head trains alone."""
        return self.stage > 0

    def wants_next_stage(self) -> bool:
        """Return whether the patience or the epochs of the first stage have run out."""
        out_of_epochs = self.epoch >= self.representation_epochs
        return not self.at_last_depth and (out_of_epochs or self.has_waited(self.representation_patience))

    def groups_of_next_stage(self) -> int:
        """Return 0: the backbone is frozen."""
        return 0


class Crt(Strategy[CrtParameters]):
    """Opens all layer groups, then the head alone."""

    parameters_type = CrtParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> CrtSchedule:
        """Return a schedule with m = L, then m = 0 with early stopping."""
        return CrtSchedule(
            **self.fixed_settings(training),
            unfrozen_groups=layer_groups,
            representation_patience=self.parameters.representation_patience,
            representation_epochs=self.parameters.representation_epochs,
        )

    def sampling(self, stage: int, training: TrainingParameters) -> Sampling:  # noqa: ARG002
        """Return natural sampling for the first stage and balanced sampling for the second."""
        return "balanced" if stage else "natural"
