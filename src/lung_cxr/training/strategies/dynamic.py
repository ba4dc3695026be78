"""Dynamic fine-tuning: validation-driven unfreezing (Algorithm 1, Eq. 7–13, Table 4).

The paper leaves two choices open. n limits the whole run, as the sentence after Eq. 12 says; DO … WHILE around
FOR 1…n in Algorithm 1 would start n again with every stage. And with all groups unfrozen (m = L), a plateau ends the
run (`at_full_depth: stop`) or has no effect (`continue`, Algorithm 1 literally).
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lung_cxr.parameters import Off, ParameterGroup, TrainingParameters
from lung_cxr.training.strategies.schedule import Schedule
from lung_cxr.training.strategies.strategy import Strategy


class DynamicParameters(ParameterGroup):
    """Settings of dynamic fine-tuning."""

    kind: Literal["dynamic"]
    patience: int = Field(ge=1, description="p, epochs without improvement (III.F: 5)")
    step: int = Field(ge=1, description="k, layer groups per unfreezing (III.F: 3)")
    decay: float = Field(ge=0, lt=1, description="learning rate ← learning rate · (1 − decay) (Eq. 12: 0.1)")
    at_full_depth: Literal["stop", "continue"] = Field(description="after a plateau at m = L: stop, or train to n")
    backbone_rate: Annotated[float, Off(1.0)] = Field(
        gt=0, le=1, description="learning rate of the backbone relative to the head (the paper: 1)"
    )
    layer_decay: Annotated[float, Off(1.0)] = Field(
        gt=0, le=1, description="factor of the learning rate per layer group, from the head (the paper: 1)"
    )
    warmup_steps: Annotated[int, Off(0)] = Field(
        ge=0, description="steps after each unfreezing in which the learning rate rises linearly (the paper: 0)"
    )
    head_start: Annotated[Literal["none", "logistic_regression"], Off("none")] = Field(
        description="initial head: zero (the paper does not say), or the optimum on frozen features"
    )
    average_with_head: Annotated[bool, Off(False)] = Field(
        description="average the final weights with the linear probe; validation chooses the share"
    )


@dataclass(kw_only=True)
class DynamicSchedule(Schedule):
    """Algorithm 1 as a function of the validation losses.

    The base class counts: whether the loss is the lowest so far (line 17), the best loss (line 18), and the patience
    counter (lines 20 and 22). The loop keeps and restores the best weights (line 19; Eq. 13). This class decides when
    to unfreeze, to which depth, and at which learning rate.

    Attributes:
        patience: p, epochs without improvement.
        step: k, layer groups per unfreezing.
        decay: Relative decrease of the learning rate at each unfreezing.
        layer_groups: L.
        at_full_depth: Effect of a plateau at m = L.
    """

    patience: int
    step: int
    decay: float
    layer_groups: int
    at_full_depth: Literal["stop", "continue"] = "stop"

    def wants_next_stage(self) -> bool:
        """Return whether patience has run out and m < L (line 24)."""
        return self._patience_has_run_out and not self._all_unfrozen

    def groups_of_next_stage(self) -> int:
        """Return m ← min(m + k, L) (line 25; Eq. 8)."""
        return min(self.unfrozen_groups + self.step, self.layer_groups)

    @property
    def stage_learning_rate(self) -> float:
        """η · (1 − decay)^r after r unfreezings (line 29; Eq. 12)."""
        return self.initial_learning_rate * (1 - self.decay) ** self.stage

    def at_final_plateau(self) -> bool:
        """Return whether patience has run out at m = L, unless the run trains to n."""
        return self._patience_has_run_out and self._all_unfrozen and self.at_full_depth == "stop"

    @property
    def current_patience(self) -> int:
        """The patience p, in every stage."""
        return self.patience

    @property
    def _patience_has_run_out(self) -> bool:
        return self.patience_counter >= self.patience

    @property
    def _all_unfrozen(self) -> bool:
        return self.unfrozen_groups >= self.layer_groups


class Dynamic(Strategy[DynamicParameters]):
    """Opens the head, then k more layer groups at each plateau of the validation loss, from the best weights."""

    pipeline = "training"
    parameters_type = DynamicParameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> DynamicSchedule:
        """Return the decisions of Algorithm 1."""
        return DynamicSchedule(
            **self.common_settings(training),
            patience=self.parameters.patience,
            step=self.parameters.step,
            decay=self.parameters.decay,
            layer_groups=layer_groups,
            at_full_depth=self.parameters.at_full_depth,
        )

    def learning_rate_factor(self, depth: int) -> float:
        """Return backbone_rate · layer_decay^depth for a layer group, and 1 for the head."""
        return self.parameters.backbone_rate * self.parameters.layer_decay**depth if depth else 1.0

    @property
    def fits_head_first(self) -> bool:
        """Whether the head starts at its optimum on frozen features."""
        return self.parameters.head_start == "logistic_regression"

    @property
    def averages_with_head(self) -> bool:
        """Whether the final weights are averaged with the linear probe."""
        return self.parameters.average_with_head

    def warmup_steps(self, stage: int) -> int:
        """Return the steps of the warm-up after an unfreezing; the head's stage has none."""
        return self.parameters.warmup_steps if stage else 0
