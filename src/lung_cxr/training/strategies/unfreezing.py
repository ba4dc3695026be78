"""Validation-driven unfreezing: the decision of Algorithm 1 (Eq. 8, 9, 12, 13), without a network.

Two points where the paper leaves a choice. n bounds the whole run, as the sentence after Eq. 12 says; the DO
… WHILE around FOR 1…n of Algorithm 1 would start n again. And with everything unfrozen, a plateau ends the
run (`at_full_depth: stop`) or does nothing (`continue`, Algorithm 1 to the letter).
"""

from dataclasses import dataclass
from typing import Literal

from lung_cxr.training.strategies.schedule import Schedule


@dataclass(kw_only=True)
class Unfreezing(Schedule):
    """Unfreezes `step` more groups, deepest first, whenever the validation loss has stood still for
    `patience` epochs.

    Attributes:
        patience: p, epochs without improvement.
        step: k, groups per unfreezing.
        decay: Share by which the learning rate falls at each unfreezing.
        layer_groups: L.
        at_full_depth: What a plateau at m = L means.
    """

    patience: int
    step: int
    decay: float
    layer_groups: int
    at_full_depth: Literal["stop", "continue"] = "stop"

    @property
    def learning_rate(self) -> float:
        """η(1 − decay)^r after r unfreezings (Eq. 12)."""
        return self.initial_learning_rate * (1 - self.decay) ** self.stage

    @property
    def patience_in_force(self) -> int:
        """p."""
        return self.patience

    def at_final_plateau(self) -> bool:
        """At m = L with patience run out, unless the run is to go on to n."""
        return self.at_full_depth == "stop" and self._everything_unfrozen and self._impatient

    def wants_unfreezing(self) -> bool:
        """Line 24 of Algorithm 1."""
        return self._impatient and not self._everything_unfrozen

    def groups_after_unfreezing(self) -> int:
        """Eq. 8: m ← min(m + k, L)."""
        return min(self.unfrozen_groups + self.step, self.layer_groups)

    @property
    def _impatient(self) -> bool:
        return self.patience_counter >= self.patience

    @property
    def _everything_unfrozen(self) -> bool:
        return self.unfrozen_groups >= self.layer_groups
