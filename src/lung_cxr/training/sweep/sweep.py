"""Many settings of dynamic fine-tuning on one backbone: what their runs share is trained once.

`lockstep.py` says who trains together and who parts when; here it is done. A run that parts gets the checkpoint that it
would have written by itself, and goes on from it later as any run that was killed. Killed at any time, the sweep goes
on where it was: what it has to know stands in the checkpoints and in `began_with.json` of each run.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lung_cxr.training.experiment import Experiment
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.identity import Identity, with_weights
from lung_cxr.training.run.model_card import write_model_card
from lung_cxr.training.run.record import RunRecord, finished_record, settings_of
from lung_cxr.training.runs import build, fresh_keras, record_of_failure, train_run
from lung_cxr.training.strategies.registry import strategy_of
from lung_cxr.training.strategies.schedule import Decision, Schedule
from lung_cxr.training.sweep.shared_prefix import Group, Lockstep, Parting, Unfinished, common_epochs, next_group

log = logging.getLogger(__name__)


@dataclass
class Sweep:
    """The runs of one seed that differ in nothing but their schedule.

    Attributes:
        experiments: Name of the run → its settings, all of one backbone.
        folders: Name of the run → its folders.
        seed: Of all.
    """

    experiments: Mapping[str, Experiment]
    folders: Mapping[str, RunFolders]
    seed: int

    _identities: dict[str, Identity] = field(init=False, default_factory=dict)
    _schedules: dict[str, Schedule] = field(init=False, default_factory=dict)
    _unfinished: dict[str, Unfinished] = field(init=False, default_factory=dict)

    def run(self) -> Iterator[RunRecord]:
        """Train what is not up to date.

        A failure ends the runs that were trained together when it happened; the others go on. Checkpoints are deleted
        when whoever takes the record asks for the next, that is, has stored it; a leader's after its followers'.

        Yields:
            The record of each run that has a new one, finished or failed, in the order in which they end.
        """
        try:
            self._look_at_what_is_there()
        except Exception as error:
            log.error("The sweep, seed %d, cannot begin", self.seed, exc_info=True)
            yield from self._failed(self.experiments, error)
            return
        while self._unfinished:
            group = next_group(self._unfinished)
            if not self._unfinished[group.leader].losses:
                self._begin(group)
            yield from self._train(group)

    def _look_at_what_is_there(self) -> None:
        """Find out which runs are up to date, and how far the others are."""
        first = next(iter(self.experiments.values()))
        with fresh_keras(first.training.precision, self.seed):
            classifier = build(first, self.seed)
        for name, experiment in self.experiments.items():
            strategy = strategy_of(experiment.strategy.root, experiment.backbone)
            self._schedules[name] = strategy.schedule(len(classifier.groups), experiment.training)
            self._identities[name] = with_weights(experiment.identity(self.seed), classifier)
            outlook = self.folders[name].outlook(self._identities[name], experiment.training.force)
            if outlook == "new":
                self.folders[name].start(self._identities[name])
            if outlook == "up to date":
                self._clean_up(name)
            else:
                self._unfinished[name] = self._as_left(name)
        done, all_of_them = len(self.experiments) - len(self._unfinished), len(self.experiments)
        log.info("%s, seed %d: %d of %d runs are up to date", first.backbone_name, self.seed, done, all_of_them)

    def _as_left(self, name: str) -> Unfinished:
        folders = self.folders[name]
        checkpoint = folders.checkpoints.load()
        losses = [] if checkpoint is None else [row["val_loss"] for row in checkpoint.history]
        return Unfinished(self._schedules[name], losses, folders.began_with)

    def _begin(self, group: Group) -> None:
        """Note who begins together."""
        together = [group.leader, *group.followers]
        for name in together:
            self.folders[name].begin_with(together)
            self._unfinished[name] = Unfinished(self._schedules[name], began_with=together)

    def _train(self, group: Group) -> Iterator[RunRecord]:
        """Train the leader to its end; those that followed it until then have its results."""
        leader, together, with_it = group.leader, Lockstep(group.followers), list(group.followers)
        folders, title = self.folders[leader], _title(leader, self.seed, len(group.followers))

        def decided(tuning: FineTuning, val_loss: float, decision: Decision) -> None:
            for parting in together.observe(val_loss, decision):
                self._part(parting, tuning)
                with_it[:] = [name for name in with_it if name not in parting.schedules]  # its checkpoint is written

        try:
            record = train_run(self.experiments[leader], self.seed, folders, title, decided)
            assert record is not None, "an unfinished run has no stored record to stand"
            losses = self._as_left(leader).losses
            for name in with_it:
                self.folders[name].copy_results(folders)
        except Exception as error:
            log.error("%s failed", title, exc_info=True)
            yield from self._failed([leader, *with_it], error)
            return
        for name in [*with_it, leader]:
            del self._unfinished[name]
            own = finished_record(record, settings_of(self._identities[name]), self._shared(name, losses))
            write_model_card(own, self.experiments[name].training.variant, self.folders[name].model_card)
            yield own
            self._clean_up(name)

    def _part(self, parting: Parting, tuning: FineTuning) -> None:
        """Leave those that part a checkpoint in the folder of their first; it will lead them."""
        first, schedule = next(iter(parting.schedules.items()))
        tuning.fork(schedule, parting.decision, self.folders[first].checkpoints)
        self._unfinished[first] = self._as_left(first)
        event = parting.decision.event or "no event"
        log.info("Parting after epoch %d (%s): %s", schedule.epoch, event, ", ".join(parting.schedules))

    def _shared(self, name: str, losses: Sequence[float]) -> RunRecord:
        """Return how many of a run's epochs were trained with others, and with whom."""
        others = [other for other in self.folders[name].began_with if other != name and other in self._schedules]
        shared = {other: common_epochs(self._schedules[name], self._schedules[other], losses) for other in others}
        together = {other: len(losses) if epochs is None else epochs for other, epochs in shared.items()}
        return sharing_of(name, together)

    def _failed(self, names: Iterable[str], error: Exception) -> Iterator[RunRecord]:
        for name in names:
            self._unfinished.pop(name, None)
            record = record_of_failure(self.folders[name], self.experiments[name].identity(self.seed), error)
            if record is not None:
                yield record | sharing_of(name, {})

    def _clean_up(self, name: str) -> None:
        self.folders[name].forget_failure()
        self.folders[name].checkpoints.remove()


def sharing_of(name: str, together: Mapping[str, int]) -> RunRecord:
    """Return what the record of a sweep's run has besides.

    Args:
        name: Of the run.
        together: Other run → epochs that it was trained with this one; their `seconds` are in both records.
    """
    shared = max(together.values(), default=0)
    return {"sensitivity": {"id": name, "shared_epochs": shared, "trained_with": dict(together)}}


def _title(leader: str, seed: int, followers: int) -> str:
    return f"{leader}, seed {seed}" + (f", and {followers} runs for as long as they decide alike" if followers else "")
