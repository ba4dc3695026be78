"""Schedules: validation losses in, decisions out.

A schedule is a plain object without Keras and files. It counts epochs; the training loop carries out its decisions.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

MOST_NON_FINITE_LOSSES = 3
"""Epochs in a row without a finite validation loss that end a run."""


WARMUP_SHARE = 0.05
"""Share of the n epochs in which `warmup_cosine` raises the learning rate; at least one epoch."""

StageEvent = Literal["unfreeze", "retrain_head"]

Annealing = Literal["constant", "cosine", "warmup_cosine"]


@dataclass(frozen=True)
class Decision:
    """Consequences of the validation loss of one epoch.

    Attributes:
        improved: The loss is the lowest so far; the current weights become the best weights.
        event: "", a `StageEvent` or "stop:<reason>"; one of `contracts.HISTORY_EVENTS`.
        best_val_loss: Lowest validation loss so far, this epoch included; infinite if no loss was finite.
        patience_counter: Epochs since the lowest loss, before the event resets it.
        restore_best_weights: Whether to restore the best weights now.
        unfrozen_groups: m, number of layer groups that train in the next epoch.
        learning_rate: Learning rate of the next epoch.
    """

    improved: bool
    event: str
    best_val_loss: float
    patience_counter: int
    restore_best_weights: bool
    unfrozen_groups: int
    learning_rate: float

    @property
    def ends_stage(self) -> bool:
        """Whether the stage ends with this epoch: another one begins, or the run stops."""
        return self.event != ""

    @property
    def reinitialises_head(self) -> bool:
        """Whether the head starts again from its initial weights."""
        return self.event == "retrain_head"


@dataclass
class Schedule(ABC):
    """Base of all schedules: counts epochs and patience; a strategy adds its learning rate and its unfreezings.

    Attributes:
        max_epochs: n; it limits the whole run, over all stages.
        initial_learning_rate: η of the first epoch.
        annealing: Change of the learning rate over the n epochs, in addition to that of the strategy.
        epoch: Number of finished epochs.
        stage: Number of stages before this one: of unfreezings so far (r in Eq. 8).
        unfrozen_groups: m, number of layer groups that train, from the deepest one.
        best_val_loss: Lowest loss so far.
        patience_counter: Epochs since the lowest loss, or since the last unfreezing.
        lost: Epochs in a row whose loss was not finite.
        stop_reason: "" until the run stops.
    """

    unfreezes_from_best: ClassVar[bool] = True
    """Whether an unfreezing first restores the best weights (Algorithm 1)."""

    stage_event: ClassVar[StageEvent] = "unfreeze"
    """Event that begins a stage. With `retrain_head`, each stage selects its own best weights."""

    max_epochs: int
    initial_learning_rate: float
    annealing: Annealing = "constant"
    epoch: int = 0
    stage: int = 0
    unfrozen_groups: int = 0
    best_val_loss: float = math.inf
    patience_counter: int = 0
    lost: int = 0
    stop_reason: str = ""

    @property
    @abstractmethod
    def stage_learning_rate(self) -> float:
        """Learning rate of the next epoch by the rules of the strategy."""

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next epoch, annealing included; the optimiser uses it in every epoch."""
        if self.annealing == "constant":
            return self.stage_learning_rate
        return self.stage_learning_rate * annealing_factor(self.annealing, self.epoch, self.max_epochs)

    @property
    @abstractmethod
    def current_patience(self) -> int | None:
        """Epochs without improvement that lead to the next event; None: no event depends on patience."""

    @abstractmethod
    def at_final_plateau(self) -> bool:
        """Return whether patience has run out and no unfreezing is left."""

    @abstractmethod
    def wants_next_stage(self) -> bool:
        """Return whether other groups train from the next epoch on."""

    @abstractmethod
    def groups_of_next_stage(self) -> int:
        """Return m of the next stage."""

    def on_epoch_end(self, val_loss: float) -> Decision:
        """Count the validation loss of a finished epoch and decide.

        Args:
            val_loss: Unweighted cross-entropy (Eq. 5). NaN and infinity are no improvement.

        Raises:
            RuntimeError: The run has already stopped.
        """
        if self.stop_reason:
            raise RuntimeError(f"this run stopped after epoch {self.epoch} ({self.stop_reason}); it has no next epoch")
        improved = self._count(val_loss)
        counter, best, event = self.patience_counter, self.best_val_loss, self._event()
        if event == self.stage_event:
            self.stage += 1
            self.unfrozen_groups = self.groups_of_next_stage()
            self.patience_counter = 0
            self.best_val_loss = math.inf if event == "retrain_head" else best
        elif event:
            self.stop_reason = event.removeprefix("stop:")
        return Decision(
            improved=improved,
            event=event,
            best_val_loss=best,
            patience_counter=counter,
            restore_best_weights=bool(event) and (event != "unfreeze" or self.unfreezes_from_best),
            unfrozen_groups=self.unfrozen_groups,
            learning_rate=self.learning_rate,
        )

    def state(self) -> dict[str, Any]:
        """Return settings and counters, as numbers and texts for a checkpoint."""
        return asdict(self)

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state that `state` returned.

        Raises:
            ValueError: The state belongs to another kind of schedule.
        """
        names = {field.name for field in fields(self)}
        if not names - {"annealing"} <= set(state) <= names:  # checkpoints of earlier versions have no annealing
            raise ValueError(f"expected the state of {type(self).__name__}, found one with {sorted(state)}")
        for name, value in state.items():
            setattr(self, name, value)

    def _count(self, val_loss: float) -> bool:
        """Update best loss and counters; return whether the loss is the lowest so far."""
        self.epoch += 1
        improved = math.isfinite(val_loss) and val_loss < self.best_val_loss
        self.lost = 0 if math.isfinite(val_loss) else self.lost + 1
        self.patience_counter = 0 if improved else self.patience_counter + 1
        self.best_val_loss = val_loss if improved else self.best_val_loss
        return improved

    def _event(self) -> str:
        """Return the one event of the epoch: the first that applies."""
        if self.lost >= MOST_NON_FINITE_LOSSES:
            return "stop:nan"
        if self.at_final_plateau():
            return "stop:plateau"
        if self.epoch >= self.max_epochs:
            return "stop:budget"
        return self.stage_event if self.wants_next_stage() else ""

    @property
    def selecting_stage(self) -> int:
        """First stage whose epochs can be the result of the run."""
        return self.stage if self.stage_event == "retrain_head" else 0


@dataclass(kw_only=True)
class FixedSchedule(Schedule):
    """Base of the fixed schedules: one depth and one learning rate until patience runs out, or to n.

    A subclass may plan unfreezings. The patience to stop then counts from the last one.

    Attributes:
        stop_patience: Epochs without improvement that end the run; None: it trains to n.
    """

    stop_patience: int | None

    @property
    def stage_learning_rate(self) -> float:
        """The initial learning rate, in every epoch."""
        return self.initial_learning_rate

    @property
    def current_patience(self) -> int | None:
        """The patience to stop at the last depth; None before it."""
        return self.stop_patience if self.at_last_depth else None

    @property
    def at_last_depth(self) -> bool:
        """Whether no unfreezing is left."""
        return True

    def at_final_plateau(self) -> bool:
        """Return whether patience has run out at the last depth."""
        return self.at_last_depth and self.has_waited(self.stop_patience)

    def wants_next_stage(self) -> bool:
        """Return False: the depth is fixed."""
        return False

    def groups_of_next_stage(self) -> int:
        """Return the current m."""
        return self.unfrozen_groups

    def has_waited(self, patience: int | None) -> bool:
        """Return whether so many epochs have passed without improvement; False for None."""
        return patience is not None and self.patience_counter >= patience


def annealing_factor(kind: Annealing, epoch: int, max_epochs: int) -> float:
    """Return the factor of the learning rate in an epoch.

    `cosine` falls from 1 towards 0 along half a cosine (Loshchilov and Hutter, SGDR, ICLR 2017). `warmup_cosine` first
    rises linearly for `WARMUP_SHARE` of the epochs.

    Args:
        kind: Kind of annealing.
        epoch: Number of finished epochs.
        max_epochs: n.
    """
    warmup = max(1, round(WARMUP_SHARE * max_epochs)) if kind == "warmup_cosine" else 0
    if kind == "constant" or max_epochs <= warmup:
        return 1.0
    if epoch < warmup:
        return (epoch + 1) / (warmup + 1)
    return (1 + math.cos(math.pi * (epoch - warmup) / (max_epochs - warmup))) / 2
