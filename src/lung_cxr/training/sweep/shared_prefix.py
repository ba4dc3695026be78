"""Several runs trained as one for as long as their schedules decide alike: losses in, partings out.

Runs that differ in nothing but their schedule begin alike, and a schedule is a function of the validation losses. So
they are one run until the first epoch on whose loss two of them decide differently: that epoch is the last that they
share. Exact, not approximate; what is left to do is a tree of runs, each branch trained once.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

from lung_cxr.training.strategies.schedule import Decision, Schedule


@dataclass(frozen=True)
class Parting:
    """Runs that leave the one they were trained with, and go on together.

    Attributes:
        decision: Theirs, on the loss of the last shared epoch.
        schedules: name → schedule after it.
    """

    decision: Decision
    schedules: dict[str, Schedule]


class Lockstep:
    """The followers of a run in training.

    Args:
        schedules: name → schedule, having observed what the leader's has, and decided alike.
    """

    def __init__(self, schedules: Mapping[str, Schedule]):
        self._schedules = dict(schedules)

    def observe(self, val_loss: float, decision: Decision) -> list[Parting]:
        """Give every follower the loss that the leader decided on; let those go that decide otherwise.

        Returns:
            A parting for each other decision, the followers in it in their order.
        """
        found: dict[Decision, dict[str, Schedule]] = {}
        for name, schedule in self._schedules.items():
            found.setdefault(schedule.observe(val_loss), {})[name] = schedule
        self._schedules = found.pop(decision, {})
        return [Parting(other, schedules) for other, schedules in found.items()]


@dataclass(frozen=True)
class Unfinished:
    """What is known of a run that is not done.

    Attributes:
        schedule: Of its beginning.
        losses: Validation losses up to its checkpoint; empty: it has none.
        began_with: Names of the runs that it began with, itself included; empty: it never began.
    """

    schedule: Schedule
    losses: Sequence[float] = ()
    began_with: Collection[str] = ()


@dataclass(frozen=True)
class Group:
    """What is trained next.

    Attributes:
        leader: The run that is trained.
        followers: Those trained with it, for as long as they agree; name → schedule at the leader's checkpoint.
    """

    leader: str
    followers: dict[str, Schedule]


def next_group(runs: Mapping[str, Unfinished]) -> Group:
    """Choose a leader and who follows it.

    The run that is farthest leads: branches are trained to their ends before others are begun, so that few
    checkpoints lie about. Where none has a checkpoint, all begin together.

    Args:
        runs: name → run, at least one. Of runs that parted together only the first has a checkpoint: the others
            follow it again, since they began with it, have none, and decide alike on all of its losses.
    """
    leader = max(runs, key=lambda name: len(runs[name].losses))  # the first of equals
    first = runs[leader]
    followers = {}
    for name, run in runs.items():
        may_follow = name != leader and not run.losses and (not first.losses or leader in run.began_with)
        if may_follow and common_epochs(first.schedule, run.schedule, first.losses) is None:
            followers[name] = _after(run.schedule, first.losses)
    return Group(leader, followers)


def common_epochs(one: Schedule, other: Schedule, losses: Sequence[float]) -> int | None:
    """Return how many epochs two runs share, or None where they decide alike on all of these losses.

    Args:
        one, other: Schedules as they begin; left as they are.
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
    return (observer.observe(loss) for loss in losses)


def _after(schedule: Schedule, losses: Sequence[float]) -> Schedule:
    observer = copy(schedule)
    for loss in losses:
        observer.observe(loss)
    return observer
