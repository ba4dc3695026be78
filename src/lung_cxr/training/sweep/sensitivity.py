"""The sensitivity analysis of one backbone: a sweep over dynamic fine-tuning, and depths of the traditional one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from lung_cxr.training.experiment import Experiment
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.record import RunRecord
from lung_cxr.training.runs import train_seeds
from lung_cxr.training.sweep.grid import Setting
from lung_cxr.training.sweep.sweep import Sweep, sharing_of

NOT_MEASURED = {"load_time_repeats": 0}
"""A model's load time does not depend on how it was trained, and cold processes take long where there are many runs."""


def train_settings(
    experiment: Experiment,
    dynamic: Sequence[Setting],
    traditional: Sequence[Setting],
    folders_of: Callable[[str, int], RunFolders],
) -> Iterator[RunRecord]:
    """Do the runs that are not up to date, seed by seed; depths share nothing and are trained one by one.

    Args:
        experiment: Backbone and data; strategy and training are those of the settings.
        dynamic, traditional: What is tried.
        folders_of: Name of the run and seed → its folders.

    Yields:
        The record of each run that has a new one; `sensitivity` in it names the run and what it shared.
    """
    backbone = experiment.backbone_name
    together = {setting.run_name(backbone): _under(experiment, setting) for setting in dynamic}
    for seed in experiment.training.seeds if together else []:
        yield from Sweep(together, {name: folders_of(name, seed) for name in together}, seed).run()
    for setting in traditional:
        name = setting.run_name(backbone)
        for record in train_seeds(_under(experiment, setting), partial(folders_of, name)):
            yield record | sharing_of(name, {})


def _under(experiment: Experiment, setting: Setting) -> Experiment:
    return replace(
        experiment,
        strategy_name=setting.strategy.root.kind,
        strategy=setting.strategy,
        training=setting.training.model_copy(update=NOT_MEASURED),
    )
