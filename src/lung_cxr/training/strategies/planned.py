"""Schedules of the strategies that dynamic fine-tuning has to beat: how deep they go is planned, not decided.

All of them keep one learning rate and stop `stop_patience` epochs without improvement after their last planned
unfreezing (DESIGN §10).
"""

from dataclasses import dataclass
from typing import ClassVar

from lung_cxr.training.strategies.schedule import Schedule


@dataclass(kw_only=True)
class FixedDepth(Schedule):
    """Nothing is unfrozen on the way: train until patience runs out, or to n.

    Attributes:
        stop_patience: Epochs without improvement; None: never stop before n.
    """

    stop_patience: int | None

    @property
    def learning_rate(self) -> float:
        """The same throughout."""
        return self.initial_learning_rate

    @property
    def patience_in_force(self) -> int | None:
        """That of the last stage; none before it."""
        return self.stop_patience if self.at_last_depth else None

    @property
    def at_last_depth(self) -> bool:
        """Whether no unfreezing is left."""
        return True

    def at_final_plateau(self) -> bool:
        """Patience has run out at the last depth."""
        return self.at_last_depth and self._waited(self.stop_patience)

    def wants_unfreezing(self) -> bool:
        """Never."""
        return False

    def groups_after_unfreezing(self) -> int:
        """Unchanged."""
        return self.unfrozen_groups

    def _waited(self, patience: int | None) -> bool:
        return patience is not None and self.patience_counter >= patience


@dataclass(kw_only=True)
class HeadFirst(FixedDepth):
    """The head alone until its patience or its epochs run out, then every group from the head's best weights.

    Attributes:
        head_patience: Epochs without improvement that end the head's stage; None: only `head_epochs` does.
        head_epochs: Longest stage of the head, epochs; None: only `head_patience` ends it.
        layer_groups: L.
    """

    head_patience: int | None
    head_epochs: int | None
    layer_groups: int

    @property
    def patience_in_force(self) -> int | None:
        """That of the stage."""
        return self.stop_patience if self.at_last_depth else self.head_patience

    @property
    def at_last_depth(self) -> bool:
        """After the one unfreezing."""
        return self.stage > 0

    def wants_unfreezing(self) -> bool:
        """When the head has had its patience or its epochs."""
        out_of_epochs = self.head_epochs is not None and self.epoch >= self.head_epochs
        return not self.at_last_depth and (out_of_epochs or self._waited(self.head_patience))

    def groups_after_unfreezing(self) -> int:
        """L: everything."""
        return self.layer_groups


@dataclass(kw_only=True)
class PlannedUnfreezing(FixedDepth):
    """`step` more groups, deepest first, after every `every` epochs, whatever the validation loss does.

    Training goes on from the weights as they are: a plan that does not look at the loss does not go back for it either.

    Attributes:
        step: Groups per unfreezing.
        every: Epochs of each stage but the last.
        layer_groups: L.
    """

    unfreezes_from_best: ClassVar[bool] = False

    step: int
    every: int
    layer_groups: int

    @property
    def at_last_depth(self) -> bool:
        """At m = L."""
        return self.unfrozen_groups >= self.layer_groups

    def wants_unfreezing(self) -> bool:
        """At the end of a stage's epochs."""
        return not self.at_last_depth and self.epoch % self.every == 0

    def groups_after_unfreezing(self) -> int:
        """The next `step` groups, as far as there are any."""
        return min(self.unfrozen_groups + self.step, self.layer_groups)
