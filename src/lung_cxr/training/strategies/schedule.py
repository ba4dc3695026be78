"""What follows from a validation loss, told apart from how it is done: losses in, decisions out.

A schedule is a plain object without Keras or files. It counts, and the loop obeys. Its whole state is a
dictionary of numbers and texts, so that a checkpoint can hold it.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

LOSSES_LOST = 3
"""Epochs in a row without a finite validation loss after which a run has no future (DESIGN §10)."""


@dataclass(frozen=True)
class Decision:
    """What one epoch's validation loss leads to.

    Attributes:
        improved: The loss is the lowest so far: the weights are to be kept as the best.
        event: "", "unfreeze" or "stop:<reason>"; one of `contracts.HISTORY_EVENTS`.
        best_val_loss: Lowest validation loss so far, this epoch included; infinite where there is none.
        patience_counter: Epochs since then, before the event resets it.
        restore_best: The best weights are to be put back now.
        unfrozen_groups: m for the next epoch.
        learning_rate: For the next epoch.
    """

    improved: bool
    event: str
    best_val_loss: float
    patience_counter: int
    restore_best: bool
    unfrozen_groups: int
    learning_rate: float


@dataclass
class Schedule(ABC):
    """Counts epochs and patience; a strategy adds when to unfreeze and when a plateau is final.

    Attributes:
        max_epochs: n; bounds the whole run, over all stages.
        initial_learning_rate: η of stage 0.
        epoch: Epochs observed.
        stage: Unfreezings so far (r in Eq. 8).
        unfrozen_groups: m, the deepest groups that train.
        best_val_loss: Lowest loss so far.
        patience_counter: Epochs since the best, or since the last unfreezing.
        lost: Epochs in a row whose loss was not finite.
        stop_reason: "" while the run goes on.
    """

    unfreezes_from_best: ClassVar[bool] = True
    """Whether an unfreezing puts the best weights back first (Algorithm 1)."""

    max_epochs: int
    initial_learning_rate: float
    epoch: int = 0
    stage: int = 0
    unfrozen_groups: int = 0
    best_val_loss: float = math.inf
    patience_counter: int = 0
    lost: int = 0
    stop_reason: str = ""

    @property
    @abstractmethod
    def learning_rate(self) -> float:
        """η now in force."""

    @property
    @abstractmethod
    def patience_in_force(self) -> int | None:
        """Epochs without improvement that now lead to an event; None: they lead to none."""

    @abstractmethod
    def at_final_plateau(self) -> bool:
        """Whether waiting longer is pointless: nothing is left to unfreeze, and patience has run out."""

    @abstractmethod
    def wants_unfreezing(self) -> bool:
        """Whether more groups shall train from the next epoch on."""

    @abstractmethod
    def groups_after_unfreezing(self) -> int:
        """M of the next stage."""

    def observe(self, val_loss: float) -> Decision:
        """Take in the validation loss of the epoch that ended, and decide.

        Args:
            val_loss: Unweighted cross-entropy (Eq. 5). NaN and infinity are no improvement.

        Raises:
            RuntimeError: The run has already stopped.
        """
        if self.stop_reason:
            raise RuntimeError(f"this run stopped after epoch {self.epoch} ({self.stop_reason}): it has no next one")
        improved = self._count(val_loss)
        counter, event = self.patience_counter, self._event()
        if event == "unfreeze":
            self.stage += 1
            self.unfrozen_groups = self.groups_after_unfreezing()
            self.patience_counter = 0
        elif event:
            self.stop_reason = event.removeprefix("stop:")
        return Decision(
            improved=improved,
            event=event,
            best_val_loss=self.best_val_loss,
            patience_counter=counter,
            restore_best=bool(event) and (event != "unfreeze" or self.unfreezes_from_best),
            unfrozen_groups=self.unfrozen_groups,
            learning_rate=self.learning_rate,
        )

    def state(self) -> dict[str, Any]:
        """Return everything that `observe` depends on: settings and counts."""
        return asdict(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Put back what `state` returned.

        Raises:
            ValueError: The state is of another kind of schedule.
        """
        if set(state) != set(asdict(self)):
            raise ValueError(f"expected the state of {type(self).__name__}, found one with {sorted(state)}")
        for name, value in state.items():
            setattr(self, name, value)

    def _count(self, val_loss: float) -> bool:
        """Update best loss and counters; return whether this epoch is the best so far."""
        self.epoch += 1
        improved = math.isfinite(val_loss) and val_loss < self.best_val_loss
        self.lost = 0 if math.isfinite(val_loss) else self.lost + 1
        self.patience_counter = 0 if improved else self.patience_counter + 1
        self.best_val_loss = val_loss if improved else self.best_val_loss
        return improved

    def _event(self) -> str:
        """Return the epoch's one event: the first that applies, in the order of DESIGN §10."""
        if self.lost >= LOSSES_LOST:
            return "stop:nan"
        if self.at_final_plateau():
            return "stop:plateau"
        if self.epoch >= self.max_epochs:
            return "stop:budget"
        return "unfreeze" if self.wants_unfreezing() else ""
