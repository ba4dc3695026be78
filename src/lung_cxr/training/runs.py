"""One cell of the grid, seed by seed: train what is not up to date, and say what came of it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.metrics import classification_metrics
from lung_cxr.evaluation.timing import measure_load_time
from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.locks import wait_lock
from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import MAX_ADAPTATION_IMAGES, adapt_batch_normalisation, restore_dropout
from lung_cxr.models.saved_model import save_model
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.depth_search import search_depth
from lung_cxr.training.experiment import Experiment
from lung_cxr.training.loop import Decided, FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.history import write_history
from lung_cxr.training.run.identity import Identity, with_weights
from lung_cxr.training.run.model_card import write_model_card
from lung_cxr.training.run.record import (
    RunRecord,
    data_of,
    failed_record,
    failure_of,
    finished_record,
    outcome_of,
    settings_of,
    weighting_of,
    with_load_time,
)
from lung_cxr.training.strategies.registry import Strategy, Traditional, strategy_of
from lung_cxr.training.validation import log_softmax, predict_logits

log = logging.getLogger(__name__)


def train_seeds(experiment: Experiment, folders_of_seed: Callable[[int], RunFolders]) -> Iterator[RunRecord]:
    """Do the run of every seed that is not up to date, one after the other.

    A run that fails gives a record with its reason, and the next one begins; where finished results of the same plan
    are there already, they and their record stay, and the reason is left beside them. Checkpoints are deleted when
    whoever takes the record asks for the next, that is, has stored it.

    Args:
        experiment: What to train.
        folders_of_seed: seed → its `RunFolders`.

    Yields:
        The record of each run that has a new one, finished or failed.
    """
    for seed in experiment.training.seeds:
        folders = folders_of_seed(seed)
        title = f"{experiment.backbone_name}, {experiment.strategy_name}, seed {seed}"
        with wait_lock(folders.model.parent, title):
            yield from _train_seed(experiment, seed, folders, title)


def _train_seed(experiment: Experiment, seed: int, folders: RunFolders, title: str) -> Iterator[RunRecord]:
    try:
        record = train_run(experiment, seed, folders, title)
        write_model_card(record or folders.stored_record(), experiment.training.variant, folders.model_card)
    except Exception as error:
        log.error("%s failed", title, exc_info=True)
        record = record_of_failure(folders, experiment.identity(seed), error)
        if record is not None:
            yield record
        return
    if record is not None:
        yield record
    folders.forget_failure()
    folders.checkpoints.remove()


def record_of_failure(folders: RunFolders, plan: Identity, error: Exception) -> RunRecord | None:
    """Return the record of a run that ended with an error, or None where it leaves finished results and theirs."""
    failure = failure_of(error)
    return None if folders.keep_results(plan, failure) else failed_record(plan, failure)


def train_run(
    experiment: Experiment, seed: int, folders: RunFolders, title: str, decided: Decided | None = None
) -> RunRecord | None:
    """Do one run, or the rest of it; return its record, or None where the stored one stands.

    Args:
        experiment, seed: What to train.
        folders: Of the run.
        title: For the log.
        decided: Called after every epoch; see `FineTuning`.
    """
    with fresh_keras(experiment.training.precision, seed):
        classifier = build(experiment, seed)
        identity = with_weights(experiment.identity(seed), classifier)
        outlook = folders.outlook(identity, experiment.training.force)
        log.info("%s: %s", title, outlook)
        if outlook == "up to date":
            return _completed(folders, experiment.training)
        if outlook == "new":
            folders.start(identity)
        adapt_random_weights(classifier, experiment.images, seed)
        tuning, facts_of_search = _fine_tune(experiment, seed, folders, classifier, decided)
        restore_dropout(classifier)
        model_sha256 = save_model(classifier.model, folders.model)
        predictions = _predict(classifier, experiment)
        with atomic_write(folders.predictions) as unfinished:
            predictions.to_parquet(unfinished, index=False)
        return finished_record(
            settings_of(identity),
            outcome_of(tuning.schedule, tuning.history, len(classifier.groups)),
            facts_of_search,
            data_of(experiment.images, experiment.synthetic),
            weighting_of(experiment.images.labels_of("train"), experiment.training),
            {"metrics": _metrics(predictions), "model_sha256": model_sha256},
            load_time_of(folders, experiment.training),
            {
                "batch_normalisation_images": classifier.batch_normalisation_images,
                "warnings": classifier.warnings,
            },
        )


def load_time_of(folders: RunFolders, training: TrainingParameters) -> Numbers:
    """Return what `measure_load_time` says of the saved model, and of how many starts and predictions."""
    repeats, predictions = training.load_time_repeats, training.single_image_predictions
    return {
        **measure_load_time(folders.model, repeats, predictions),
        "load_time_repeats": repeats,
        "single_image_predictions": predictions,
    }


def _completed(folders: RunFolders, training: TrainingParameters) -> RunRecord | None:
    """Return an up-to-date run's record with the load time that it lacks and the settings now ask for, else None."""
    record = folders.stored_record()
    if record.get("load_time_s") is not None or training.load_time_repeats == 0:
        return None
    log.info("Measuring the load time, which its record lacks")
    return with_load_time(record, load_time_of(folders, training))


@contextmanager
def fresh_keras(precision: str, seed: int) -> Iterator[None]:
    """Give a run a Keras without leftovers of the last one, at its own precision and seed."""
    before = keras.config.dtype_policy()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
        keras.utils.clear_session()


def build(experiment: Experiment, seed: int) -> Classifier:
    """Return the network as training begins with it."""
    training = experiment.training
    return build_classifier(experiment.backbone, dropout=training.dropout, head=training.head, seed=seed)


def adapt_random_weights(classifier: Classifier, images: SplitImages, seed: int) -> None:
    """Adapt batch normalisation to training images if the weights are random, and thus without statistics."""
    if classifier.weights_source == "random":
        rows = np.random.default_rng(seed).permutation(images.rows("train"))[:MAX_ADAPTATION_IMAGES]
        adapt_batch_normalisation(classifier, images.pixels[rows])


def _fine_tune(
    experiment: Experiment, seed: int, folders: RunFolders, classifier: Classifier, decided: Decided | None
) -> tuple[FineTuning, RunRecord]:
    """Train to the end, after a search for the depth where one is asked for; return also what the search found."""

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
            decided=decided,
        )
        tuning.run()
        return tuning

    strategy = strategy_of(experiment.strategy.root, experiment.backbone)
    if isinstance(strategy, Traditional) and strategy.candidates:
        search = search_depth(strategy, classifier, fine_tune, folders.checkpoints)
        return search.chosen, search.facts
    return fine_tune(strategy, folders.checkpoints), {}


def _predict(classifier: Classifier, experiment: Experiment) -> pd.DataFrame:
    """Return `contracts.predictions` of the validation and test images."""
    images = experiment.images
    rows = np.flatnonzero(images.split["subset"].isin(["validation", "test"]).to_numpy())
    logits = predict_logits(classifier.model, images, rows, experiment.training.batch_size)
    table = images.split.iloc[rows][["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    return table.assign(**dict(zip(PROBABILITY_COLUMNS, np.exp(log_softmax(logits)).T, strict=True)))


def _metrics(predictions: pd.DataFrame) -> dict[str, dict]:
    """Return every metric of each subset."""
    return {
        str(subset): classification_metrics(
            list(rows["label"]), rows[list(PROBABILITY_COLUMNS)].to_numpy(dtype=np.float64)
        )
        for subset, rows in predictions.groupby("subset", sort=False)
    }
