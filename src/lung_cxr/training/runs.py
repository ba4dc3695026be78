"""The runs of a grid point, one per seed: train each run that is not up to date, and return its record."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lung_cxr.atomic import atomic_write
from lung_cxr.evaluation.timing import measure_load_time
from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import MAX_ADAPTATION_IMAGES, adapt_batch_normalisation, restore_dropout
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.models.saved_model import save_model
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.data.label_cue import label_cue, warn_of_label_cue
from lung_cxr.training.data.measured_label_cue import measured_cue_of_run
from lung_cxr.training.depth_search import search_depth
from lung_cxr.training.fit_rule import complete_rule, fit_rule
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.head_average import average_with_probe
from lung_cxr.training.head_start import start_head
from lung_cxr.training.loop import FineTuning, OnEpochEnd
from lung_cxr.training.losses import warnings_of_reweighting
from lung_cxr.training.run.checkpoint import CheckpointFolder, assign, values_of
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.history import write_history
from lung_cxr.training.run.identity import Identity, identity_of_plan, with_weights
from lung_cxr.training.run.record import (
    RunRecord,
    data_of,
    finished_record,
    outcome_of,
    settings_of,
    weighting_of,
    with_load_time,
)
from lung_cxr.training.run.recorded_run import record_run
from lung_cxr.training.strategies.registry import StrategyParameters, strategy_of
from lung_cxr.training.strategies.strategy import Strategy
from lung_cxr.training.strategies.traditional import Traditional
from lung_cxr.training.validation import metrics_by_subset, tabulate_predictions, tau_of_run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Experiment:
    """One grid point: a backbone with a strategy, on one split.

    Attributes:
        backbone_name, strategy_name: Names of the grid point.
        backbone, strategy, training: Settings of the grid point.
        images: Pixels and split.
        data_hashes: `split_sha256` and `pixel_sha256`.
        synthetic: Whether any image is synthetic; None: unknown.
        feature_folder: Folder in which all runs of the backbone share the features of frozen layers; None: no cache.
        fold: Fold of a cross-validation; None: the split itself.
    """

    backbone_name: str
    strategy_name: str
    backbone: BackboneParameters
    strategy: StrategyParameters
    training: TrainingParameters
    images: SplitImages
    data_hashes: dict[str, str]
    synthetic: bool | None = None
    feature_folder: Path | None = None
    fold: int | None = None

    @property
    def features(self) -> FeatureFolder | None:
        """The cached features of these images; None without a cache."""
        if self.feature_folder is None:
            return None
        return FeatureFolder(self.feature_folder, self.data_hashes["pixel_sha256"], self.training.frozen_prefix)

    def identity(self, seed: int) -> Identity:
        """Return the identity of one seed's run, without its initial weights."""
        plan = identity_of_plan(
            self.backbone_name,
            self.strategy_name,
            seed,
            self.backbone,
            self.strategy,
            self.training,
            self.data_hashes,
        )
        return plan if self.fold is None else {**plan, "fold": self.fold}

    def title(self, seed: int) -> str:
        """Return the name of one seed's run in the log."""
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.backbone_name}, {self.strategy_name}{fold}, seed {seed}"


def train_seeds(experiment: Experiment, folders_of_seed: Callable[[int], RunFolders]) -> Iterator[RunRecord]:
    """Train the run of every seed that is not up to date, one after the other.

    A failed run yields a record with the reason, and the next run starts (see `record_run`).

    Args:
        experiment: The grid point to train.
        folders_of_seed: seed → its `RunFolders`.

    Yields:
        The new record of each finished or failed run.
    """
    if warning := label_cue(experiment.training.model_dump()):
        warn_of_label_cue(warning)
    for seed in experiment.training.seeds:
        folders, title = folders_of_seed(seed), experiment.title(seed)
        run = partial(train_run, experiment, seed, folders, title)
        yield from record_run(folders, title, experiment.identity(seed), experiment.training.experiment, run)


def train_run(
    experiment: Experiment, seed: int, folders: RunFolders, title: str, on_epoch_end: OnEpochEnd | None = None
) -> RunRecord | None:
    """Train one run, or the rest of it; return its record, or None if the stored record is up to date.

    Args:
        experiment: The grid point to train.
        seed: Seed of the run.
        folders: Folders of the run.
        title: Name of the run in the log.
        on_epoch_end: Called after every epoch; see `FineTuning`.
    """
    with fresh_keras(experiment.training.precision, seed):
        classifier = build(experiment, seed)
        identity = with_weights(experiment.identity(seed), classifier)
        status = folders.status(identity, experiment.training.force)
        log.info("%s: %s", title, status)
        if status == "up to date":
            complete_rule(folders, experiment.images, experiment.training)
            return _completed(folders, experiment.training)
        if status == "new":
            folders.start(identity)
        sampling = strategy_of(experiment.strategy.root, experiment.backbone).sampling(0, experiment.training)
        cue = measured_cue_of_run(experiment.images, experiment.training, sampling, seed)
        adapt_random_weights(classifier, experiment.images, seed)
        tuning, facts_of_search = _fine_tune(experiment, seed, folders, classifier, on_epoch_end)
        restore_dropout(classifier)
        model_sha256 = save_model(classifier.model, folders.model)
        predictions = tabulate_predictions(classifier.model, experiment.images, experiment.training.batch_size)
        with atomic_write(folders.predictions) as unfinished:
            predictions.to_parquet(unfinished, index=False)
        weighting = weighting_of(experiment.images.labels_of("train"), experiment.training, tuning.sampling)
        known = {**identity, **weighting}
        fit_rule(folders.model.parent, classifier.model, experiment.images, predictions, known, experiment.training)
        return finished_record(
            settings_of(identity),
            outcome_of(tuning.schedule, tuning.history, len(classifier.groups)),
            facts_of_search,
            data_of(experiment.images, experiment.synthetic),
            weighting | cue,
            {"metrics": metrics_by_subset(predictions), "model_sha256": model_sha256},
            tau_of_run(predictions, experiment.images),
            load_time_of(folders, experiment.training),
            {
                "batch_normalisation_images": classifier.batch_normalisation_images,
                "warnings": classifier.warnings + warnings_of_reweighting(experiment.training, len(tuning.history)),
            },
        )


def load_time_of(folders: RunFolders, training: TrainingParameters) -> Numbers:
    """Return the load time of the saved model, and the number of processes and predictions that measured it."""
    repeats, predictions = training.load_time_repeats, training.single_image_predictions
    return {
        **measure_load_time(folders.model, repeats, predictions),
        "load_time_repeats": repeats,
        "single_image_predictions": predictions,
    }


def _completed(folders: RunFolders, training: TrainingParameters) -> RunRecord | None:
    """Return an up-to-date record completed with its missing load time, or None if nothing is missing."""
    record = folders.stored_record()
    if record.get("load_time_s") is not None or training.load_time_repeats == 0:
        return None
    log.info("Measuring the load time, which is missing in the record")
    return with_load_time(record, load_time_of(folders, training))


def build(experiment: Experiment, seed: int) -> Classifier:
    """Return the network with its initial weights."""
    training = experiment.training
    return build_classifier(experiment.backbone, dropout=training.dropout, head=training.head, seed=seed)


def adapt_random_weights(classifier: Classifier, images: SplitImages, seed: int) -> None:
    """Adapt batch normalisation to training images if the weights are random, and thus without statistics."""
    if classifier.weights_source == "random":
        rows = np.random.default_rng(seed).permutation(images.rows("train"))[:MAX_ADAPTATION_IMAGES]
        adapt_batch_normalisation(classifier, images.pixels[rows])


def _fine_tune(
    experiment: Experiment, seed: int, folders: RunFolders, classifier: Classifier, on_epoch_end: OnEpochEnd | None
) -> tuple[FineTuning, RunRecord]:
    """Train to the end, with a depth search if the strategy has one; return the run and the facts of the search."""

    def fine_tune(strategy: Strategy, checkpoints: CheckpointFolder) -> FineTuning:
        tuning = FineTuning(
            classifier=classifier,
            strategy=strategy,
            images=experiment.images,
            training=experiment.training,
            seed=seed,
            checkpoints=checkpoints,
            report=lambda rows: write_history(rows, folders.history),
            features=experiment.features,
            on_epoch_end=on_epoch_end,
        )
        tuning.run()
        return tuning

    strategy = strategy_of(experiment.strategy.root, experiment.backbone)
    probe: list[np.ndarray] = []
    if strategy.fits_head_first or strategy.averages_with_head:
        untrained = values_of(classifier.model.weights)
        start_head(classifier, experiment.images, experiment.training, experiment.features)
        probe = values_of(classifier.model.weights)
        if not strategy.fits_head_first:
            assign(classifier.model.weights, untrained)
    if isinstance(strategy, Traditional) and strategy.candidates:
        search = search_depth(strategy, classifier, fine_tune, folders.checkpoints)
        return search.chosen, search.facts
    tuning = fine_tune(strategy, folders.checkpoints)
    if not strategy.averages_with_head:
        return tuning, {}
    return tuning, average_with_probe(classifier, probe, experiment.images, experiment.training.batch_size)
