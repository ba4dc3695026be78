"""Decide which runs share their first epochs, from validation losses alone.

Runs that differ only in their schedule begin with the same weights, and a schedule is a function of the validation
losses. Two runs are therefore identical up to and including the first epoch after which their schedules decide
differently. The result is exact: the runs form a tree, and each edge of the tree is trained once. The run in training
is the trunk; runs that have made the same decisions so far are its branches.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from lung_cxr.training.strategies.schedule import Decision, Schedule


@dataclass(frozen=True)
class Divergence:
    """Branches that leave the trunk after one epoch and stay together.

    Attributes:
        decision: Their decision on the validation loss of the last shared epoch.
        schedules: Name of the run → schedule after that decision.
    """

    decision: Decision
    schedules: dict[str, Schedule]


class SharedPrefix:
    """The branches of a run in training.

    Args:
        branches: Name of the run → schedule that has observed the same losses as the trunk's and decided the same.
    """

    def __init__(self, branches: Mapping[str, Schedule]):
        self._branches = dict(branches)

    def on_epoch_end(self, val_loss: float, decision: Decision) -> list[Divergence]:
        """Pass one validation loss to every branch; remove the branches that decide differently from the trunk.

        Args:
            val_loss: Validation loss of the epoch.
            decision: The trunk's decision on it.

        Returns:
            One divergence for each other decision, with its branches in their order.
        """
        found: dict[Decision, dict[str, Schedule]] = {}
        for name, schedule in self._branches.items():
            found.setdefault(schedule.on_epoch_end(val_loss), {})[name] = schedule
        self._branches = found.pop(decision, {})
        return [Divergence(other, schedules) for other, schedules in found.items()]


@dataclass(frozen=True)
class Unfinished:
    """State of an unfinished run.

    Attributes:
        schedule: Schedule at the start of the run.
        losses: Validation losses up to its checkpoint; empty: there is no checkpoint.
        began_with: Names of the runs that it began with, itself included; empty: it never began.
    """

    schedule: Schedule
    losses: Sequence[float] = ()
    began_with: Collection[str] = ()


@dataclass(frozen=True)
class Group:
    """The runs to train next.

    Attributes:
        trunk: Name of the run to train.
        branches: Name of the run → schedule at the trunk's checkpoint, for runs with the same decisions so far.
    """

    trunk: str
    branches: dict[str, Schedule]


def next_group(runs: Mapping[str, Unfinished]) -> Group:
    """Choose the next trunk and its branches.

    The run with the most epochs is the trunk. Each run is thus trained to its end before another begins, and few
    checkpoints exist at a time. If no run has a checkpoint, all begin together.

    Args:
        runs: Name → unfinished run, at least one. Of runs that diverged together only the first has a checkpoint. The
            others began with it, have no checkpoint and make the same decisions on all of its losses: they are its
            branches again.
    """
    trunk = max(runs, key=lambda name: len(runs[name].losses))  # the first of equals
    first = runs[trunk]
    branches = {}
    for name, run in runs.items():
        may_join = name != trunk and not run.losses and (not first.losses or trunk in run.began_with)
        if may_join and common_epochs(first.schedule, run.schedule, first.losses) is None:
            branches[name] = _after(run.schedule, first.losses)
    return Group(trunk, branches)


def common_epochs(one: Schedule, other: Schedule, losses: Sequence[float]) -> int | None:
    """Return the number of epochs that two runs share, or None if they make the same decisions on all losses.

    Args:
        one, other: Schedules at the start; not changed.
        losses: Validation losses of the first run.
    """
    if _at_the_start(one) != _at_the_start(other):
        return 0
    pairs = zip(_decisions(one, losses), _decisions(other, losses), strict=True)
    return next((epoch for epoch, (ours, theirs) in enumerate(pairs, 1) if ours != theirs), None)


def _at_the_start(schedule: Schedule) -> tuple[int, float]:
    return schedule.unfrozen_groups, schedule.learning_rate


def _decisions(schedule: Schedule, losses: Sequence[float]) -> Iterator[Decision]:
    observer = copy(schedule)
    return (observer.on_epoch_end(loss) for loss in losses)


def _after(schedule: Schedule, losses: Sequence[float]) -> Schedule:
    observer = copy(schedule)
    for loss in losses:
        observer.on_epoch_end(loss)
    return observer
