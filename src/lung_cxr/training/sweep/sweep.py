"""Train the grid points of one backbone; epochs that several runs share are trained once.

`shared_prefix.py` decides which runs share their epochs. A run that diverges gets the checkpoint that it would have
written itself, and later resumes from it like any interrupted run. A killed sweep resumes too: its state is in the
checkpoints and in `began_with.json` of each run.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.identity import Identity, with_weights
from lung_cxr.training.run.model_card import write_model_card
from lung_cxr.training.run.record import RunRecord, finished_record, settings_of
from lung_cxr.training.run.recorded_run import record_of_failure
from lung_cxr.training.runs import Experiment, build, train_run, train_seeds
from lung_cxr.training.strategies.registry import strategy_of
from lung_cxr.training.strategies.schedule import Decision, Schedule
from lung_cxr.training.sweep.grid import GridPoint
from lung_cxr.training.sweep.shared_prefix import (
    Divergence,
    Group,
    SharedPrefix,
    Unfinished,
    common_epochs,
    next_group,
)

# Load time does not depend on the schedule, and measuring it for many runs takes long.
NOT_MEASURED = {"load_time_repeats": 0}

log = logging.getLogger(__name__)


def train_grid_points(
    experiment: Experiment,
    dynamic: Sequence[GridPoint],
    traditional: Sequence[GridPoint],
    folders_of: Callable[[str, int], RunFolders],
) -> Iterator[RunRecord]:
    """Train the runs that are not up to date, seed by seed.

    Runs of dynamic fine-tuning share their first epochs. Depths of traditional fine-tuning share nothing.

    Args:
        experiment: Backbone and data; strategy and training settings come from the grid points.
        dynamic, traditional: Grid points of each strategy.
        folders_of: Name of the run and seed → folders of the run.

    Yields:
        The record of each new run; its `sensitivity` names the run and the epochs that it shared.
    """
    backbone = experiment.backbone_name
    together = {point.run_name(backbone): _at(experiment, point) for point in dynamic}
    for seed in experiment.training.seeds if together else []:
        yield from Sweep(together, {name: folders_of(name, seed) for name in together}, seed).run()
    for point in traditional:
        name = point.run_name(backbone)
        for record in train_seeds(_at(experiment, point), partial(folders_of, name)):
            yield record | sharing_of(name, {})


def _at(experiment: Experiment, point: GridPoint) -> Experiment:
    return replace(
        experiment,
        strategy_name=point.strategy.root.kind,
        strategy=point.strategy,
        training=point.training.model_copy(update=NOT_MEASURED),
    )


@dataclass
class Sweep:
    """The runs of one seed that differ only in their schedule.

    Attributes:
        experiments: Name of the run → its settings, all of one backbone.
        folders: Name of the run → its folders.
        seed: Seed of all runs.
    """

    experiments: Mapping[str, Experiment]
    folders: Mapping[str, RunFolders]
    seed: int

    _identities: dict[str, Identity] = field(init=False, default_factory=dict)
    _schedules: dict[str, Schedule] = field(init=False, default_factory=dict)
    _unfinished: dict[str, Unfinished] = field(init=False, default_factory=dict)

    def run(self) -> Iterator[RunRecord]:
        """Train the runs that are not up to date.

        An error ends the runs that share the epoch in which it occurs; the others continue. Checkpoints of a run are
        deleted when the caller asks for the next record, that is, after it stored this one. The trunk's are deleted
        after those of its branches.

        Yields:
            The record of each new run, finished or failed, in the order in which the runs end.
        """
        try:
            self._find_unfinished()
        except Exception as error:
            log.error("The sweep, seed %d, cannot begin", self.seed, exc_info=True)
            yield from self._failed(self.experiments, error)
            return
        while self._unfinished:
            group = next_group(self._unfinished)
            if not self._unfinished[group.trunk].losses:
                self._begin(group)
            yield from self._train(group)

    def _find_unfinished(self) -> None:
        """Find the runs that are not up to date and their progress."""
        first = next(iter(self.experiments.values()))
        with fresh_keras(first.training.precision, self.seed):
            classifier = build(first, self.seed)
        for name, experiment in self.experiments.items():
            strategy = strategy_of(experiment.strategy.root, experiment.backbone)
            self._schedules[name] = strategy.schedule(len(classifier.groups), experiment.training)
            self._identities[name] = with_weights(experiment.identity(self.seed), classifier)
            status = self.folders[name].status(self._identities[name], experiment.training.force)
            if status == "new":
                self.folders[name].start(self._identities[name])
            if status == "up to date":
                self._clean_up(name)
            else:
                self._unfinished[name] = self._progress(name)
        done, total = len(self.experiments) - len(self._unfinished), len(self.experiments)
        log.info("%s, seed %d: %d of %d runs are up to date", first.backbone_name, self.seed, done, total)

    def _progress(self, name: str) -> Unfinished:
        folders = self.folders[name]
        checkpoint = folders.checkpoints.load()
        losses = [] if checkpoint is None else [row["val_loss"] for row in checkpoint.history]
        return Unfinished(self._schedules[name], losses, folders.began_with)

    def _begin(self, group: Group) -> None:
        """Record which runs begin together."""
        together = [group.trunk, *group.branches]
        for name in together:
            self.folders[name].begin_with(together)
            self._unfinished[name] = Unfinished(self._schedules[name], began_with=together)

    def _train(self, group: Group) -> Iterator[RunRecord]:
        """Train the trunk to its end; branches that never diverge get a copy of its results."""
        trunk, prefix, branches = group.trunk, SharedPrefix(group.branches), list(group.branches)
        folders, title = self.folders[trunk], _title(trunk, self.seed, len(branches))

        def on_epoch_end(tuning: FineTuning, val_loss: float, decision: Decision) -> None:
            for divergence in prefix.on_epoch_end(val_loss, decision):
                self._diverge(divergence, tuning)
                branches[:] = [name for name in branches if name not in divergence.schedules]  # checkpoint is saved

        try:
            record = train_run(self.experiments[trunk], self.seed, folders, title, on_epoch_end)
            assert record is not None, "an unfinished run has no up-to-date record"
            losses = self._progress(trunk).losses
            for name in branches:
                self.folders[name].copy_results(folders)
        except Exception as error:
            log.error("%s failed", title, exc_info=True)
            yield from self._failed([trunk, *branches], error)
            return
        for name in [*branches, trunk]:
            del self._unfinished[name]
            own = finished_record(record, settings_of(self._identities[name]), self._shared(name, losses))
            write_model_card(own, self.experiments[name].training.experiment, self.folders[name].model_card)
            yield own
            self._clean_up(name)

    def _diverge(self, divergence: Divergence, tuning: FineTuning) -> None:
        """Save the checkpoint of diverging branches in the folder of the first one, which becomes their trunk."""
        first, schedule = next(iter(divergence.schedules.items()))
        tuning.save_branch(schedule, divergence.decision, self.folders[first].checkpoints)
        self._unfinished[first] = self._progress(first)
        event = divergence.decision.event or "no event"
        log.info("Diverging after epoch %d (%s): %s", schedule.epoch, event, ", ".join(divergence.schedules))

    def _shared(self, name: str, losses: Sequence[float]) -> RunRecord:
        """Return the number of epochs that a run shares with each other run."""
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
    """Return the additional entry of a sweep's run record.

    Args:
        name: Name of the run.
        together: Name of another run → number of shared epochs; their `seconds` are in both records.
    """
    shared = max(together.values(), default=0)
    return {"sensitivity": {"id": name, "shared_epochs": shared, "trained_with": dict(together)}}


def _title(trunk: str, seed: int, branches: int) -> str:
    return f"{trunk}, seed {seed}" + (f", shared by {branches} runs until their decisions differ" if branches else "")
