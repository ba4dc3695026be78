"""The one loop behind every strategy: open a stage, train and validate epochs, obey the decision, go on."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.models.freezing import trainable_parameters
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.class_weights import class_counts, loss_weights
from lung_cxr.training.data.feed import Epoch, SplitImages
from lung_cxr.training.data.sampling import AugmentationDraws, ImageOrder
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.open_stage import open_cached_stage
from lung_cxr.training.run.checkpoint import Checkpoint, CheckpointFolder
from lung_cxr.training.run.history import Row, epoch_line
from lung_cxr.training.run.interruption import BetweenBatches, PartOfEpoch, StopRequest
from lung_cxr.training.run.variables import assign, values_of
from lung_cxr.training.stage import Stage, whole_network
from lung_cxr.training.strategies.registry import Strategy
from lung_cxr.training.strategies.schedule import Decision, Schedule
from lung_cxr.training.validation import Validation, validate

OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}

log = logging.getLogger(__name__)

Decided = Callable[["FineTuning", float, Decision], None]


@dataclass
class FineTuning:
    """One training run, from the first epoch or from its last checkpoint to its best weights.

    Attributes:
        classifier: Trained in place.
        strategy: What trains when.
        images: Pixels and split.
        training: Settings that all strategies share.
        seed: Of the run.
        checkpoints: Where the run continues from, and what it leaves.
        report: Called after every epoch with all rows of the history so far.
        features: Where the features of frozen layers are kept; None: nowhere, every image goes through every layer.
        decided: Called after every epoch with this run, the validation loss and the decision that is yet to be obeyed:
            where another schedule decides otherwise on the same loss, `save_branch` writes the checkpoint of its run.
    """

    classifier: Classifier
    strategy: Strategy
    images: SplitImages
    training: TrainingParameters
    seed: int
    checkpoints: CheckpointFolder
    report: Callable[[list[Row]], None]
    features: FeatureFolder | None = None
    decided: "Decided | None" = None

    history: list[Row] = field(init=False, default_factory=list)
    schedule: Schedule = field(init=False)
    stage: Stage = field(init=False)
    stop: StopRequest = field(init=False, default_factory=StopRequest)
    _optimizer_state: Sequence[np.ndarray] = field(init=False, default=())
    _part: PartOfEpoch = field(init=False, default_factory=PartOfEpoch)

    def __post_init__(self):
        self.schedule = self.strategy.schedule(len(self.classifier.groups), self.training)
        self.whole = self.stage = whole_network(self.classifier, self.images, self.training)
        self.train_rows, self.validation_rows = self.images.rows("train"), self.images.rows("validation")
        labels = self.images.labels_of("train")
        self.order = ImageOrder(labels, self.training.sampling, self.training.batch_size, self.seed)
        self.draws = AugmentationDraws(self.training.augmentation, labels, self.seed)
        self.weights = loss_weights(class_counts(labels), self.training.loss_weights)
        self._best = self._weights()  # line 9 of Algorithm 1

    @property
    def model(self) -> keras.Model:
        """The network that the stage compiles and fits."""
        return self.stage.model

    def run(self) -> list[Row]:
        """Train until the schedule stops; leave the best weights in the classifier; return the history.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; a checkpoint was written, and the next run goes on from there.
        """
        self._resume()
        with self.stop.by_signals():
            while not self.schedule.stop_reason:
                self._open_stage()
                while not self._epoch():
                    self.stop.obey()
        return self.history

    def _epoch(self) -> str:
        """Train and validate one epoch, obey its decision and write it down; return the event that it ends with."""
        row, patience = self._in_force(), self.schedule.patience_in_force
        started = time.perf_counter() - self._part.seconds
        train_loss = self._train_epoch()
        validation = self._validate()
        decision = self.schedule.observe(validation.loss)
        self._note(row, train_loss, validation, decision, time.perf_counter() - started)
        if self.decided is not None:
            self.decided(self, validation.loss, decision)
        self._obey(decision)
        log.info(epoch_line(row, self.schedule.max_epochs, patience, len(self.classifier.groups)))
        self._save(fresh_optimizer=bool(decision.event))
        return decision.event

    def save_branch(self, schedule: Schedule, decision: Decision, checkpoints: CheckpointFolder) -> None:
        """Leave the checkpoint of a run that was the same up to this epoch's decision; this run goes on as if nothing.

        To be called from `decided`.

        Args:
            schedule: The other run's, after the decision.
            decision: What it decided on this epoch's loss.
            checkpoints: The other run's.
        """
        before = self._weights()
        self._obey(decision)
        row = {**self.history[-1], "event": decision.event, "patience_counter": decision.patience_counter}
        history = [*self.history[:-1], row]
        checkpoints.save(self._state(schedule, history, bool(decision.event), PartOfEpoch()))
        assign(self.classifier.model.weights, before)

    def _open_stage(self) -> None:
        """Open the stage's layers and compile with a fresh optimiser: Keras counts a changed `trainable` only then."""
        self.strategy.open_layers(self.classifier, self.schedule.unfrozen_groups)
        self.stage.close()
        self.stage = self._cached_stage() or self.whole
        self.model.compile(
            optimizer=OPTIMIZERS[self.training.optimizer](self.schedule.learning_rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=self.training.jit_compile,
            steps_per_execution=self.training.steps_per_execution,
        )
        if self._optimizer_state:
            self.model.optimizer.build(self.model.trainable_variables)
            assign(self.model.optimizer.variables, self._optimizer_state)
            self._optimizer_state = ()

    def _cached_stage(self) -> Stage | None:
        if self.features is None:
            return None
        return open_cached_stage(
            self.classifier, self.images, self.draws, self.training, self.schedule.stage, self.features
        )

    def _train_epoch(self) -> float:
        """Train one epoch, or the rest of it; return the mean weighted loss."""
        number, part, self._part = self.schedule.epoch + 1, self._part, PartOfEpoch()
        order = self.order.of_epoch(number)
        showings = self.draws.showings(order, number, self.schedule.stage)
        batch_size = self.training.batch_size
        feed = self.stage.feed(
            Epoch(self.images, self.train_rows[order], showings, self.weights, batch_size, part.batches)
        )
        minutes = self.training.checkpoint_minutes
        between = BetweenBatches(
            part, part.batches + len(feed), minutes and 60 * minutes, lambda done: self._save(part=done), self.stop
        )
        fitted = self.model.fit(feed, epochs=1, shuffle=False, verbose=0, callbacks=[between])
        return float(fitted.history["loss"][0])

    def _validate(self) -> Validation:
        """Validate the weights as they are now."""
        return validate(self.stage.logits(self.validation_rows), self.images.labels_of("validation"))

    def _obey(self, decision: Decision) -> None:
        """Keep the weights if they are the best so far; put the best back where the decision says so."""
        if decision.improved:
            self._best = self._weights()
        if decision.restore_best:
            self._put_back_best()

    def _put_back_best(self) -> None:
        assign(self.classifier.model.weights, self._best)

    def _weights(self) -> list[np.ndarray]:
        """Return copies of all weights, without the states of random number generators: those run on."""
        return [np.array(value) for value in self.classifier.model.get_weights()]

    def _in_force(self) -> Row:
        """Return what holds during the coming epoch."""
        return {
            "epoch": self.schedule.epoch + 1,
            "stage": self.schedule.stage,
            "unfrozen_groups": open_groups(self.classifier),
            "trainable_parameters": trainable_parameters(self.classifier),
            "learning_rate": self.schedule.learning_rate,
        }

    def _note(self, row: Row, train_loss: float, validation: Validation, decision: Decision, seconds: float) -> None:
        """Complete the epoch's row and report it."""
        best = decision.best_val_loss
        row |= {
            "train_loss": train_loss,
            "val_loss": validation.loss,
            "val_accuracy": validation.accuracy,
            "val_macro_f1": validation.macro_f1,
            "best_val_loss": best if math.isfinite(best) else math.nan,
            "patience_counter": decision.patience_counter,
            "seconds": seconds,
            "event": decision.event,
        }
        self.history.append(row)
        self.report(self.history)

    def _save(self, fresh_optimizer: bool = False, part: PartOfEpoch | None = None) -> None:
        """Write a checkpoint, after an epoch or after a part of one."""
        self.checkpoints.save(self._state(self.schedule, self.history, fresh_optimizer, part or PartOfEpoch()))

    def _state(self, schedule: Schedule, history: list[Row], fresh_optimizer: bool, part: PartOfEpoch) -> Checkpoint:
        variables = [] if fresh_optimizer else self.model.optimizer.variables
        return Checkpoint(
            epoch=schedule.epoch,
            schedule=schedule.state(),
            history=history,
            variables=values_of(self.classifier.model.variables),
            best=self._best,
            optimizer=values_of(variables),
            part_batches=part.batches,
            part_loss=part.loss,
            part_seconds=part.seconds,
        )

    def _resume(self) -> None:
        """Continue from the last checkpoint, if there is one."""
        checkpoint = self.checkpoints.load()
        if checkpoint is None:
            return
        self.schedule.restore(checkpoint.schedule)
        self.history = checkpoint.history
        assign(self.classifier.model.variables, checkpoint.variables)
        self._best, self._optimizer_state = list(checkpoint.best), checkpoint.optimizer
        self._part = PartOfEpoch(checkpoint.part_batches, checkpoint.part_loss, checkpoint.part_seconds)
        self.report(self.history)
        batches = f" and {checkpoint.part_batches} batches" if checkpoint.part_batches else ""
        log.info("Continuing after epoch %d%s, from its checkpoint", checkpoint.epoch, batches)


def open_groups(classifier: Classifier) -> int:
    """Return how many layer groups have a weight that trains: m under dynamic fine-tuning."""
    return sum(any(layer.trainable_variables for layer in group) for group in classifier.groups)
