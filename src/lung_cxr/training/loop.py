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
from lung_cxr.training.augmentation import training_model
from lung_cxr.training.checkpoint import Checkpoint, CheckpointFolder
from lung_cxr.training.class_weights import class_counts, loss_weights
from lung_cxr.training.draws import AugmentationDraws, ImageOrder
from lung_cxr.training.feed import EpochFeed, SplitImages
from lung_cxr.training.history import Row, epoch_line
from lung_cxr.training.schedule import Decision, Schedule
from lung_cxr.training.strategies import Strategy
from lung_cxr.training.validation import Validation, predict_logits, validate

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
        decided: Called after every epoch with this run, the validation loss and the decision that is yet to be obeyed:
            where another schedule decides otherwise on the same loss, its run can `fork` from here.
    """

    classifier: Classifier
    strategy: Strategy
    images: SplitImages
    training: TrainingParameters
    seed: int
    checkpoints: CheckpointFolder
    report: Callable[[list[Row]], None]
    decided: "Decided | None" = None

    history: list[Row] = field(init=False, default_factory=list)
    schedule: Schedule = field(init=False)
    _optimizer_state: Sequence[np.ndarray] = field(init=False, default=())

    def __post_init__(self):
        self.schedule = self.strategy.schedule(len(self.classifier.groups), self.training)
        self.model = training_model(self.classifier.model)
        self.train_rows, self.validation_rows = self.images.rows("train"), self.images.rows("validation")
        labels = self.images.labels_of("train")
        self.order = ImageOrder(labels, self.training.sampling, self.training.batch_size, self.seed)
        self.draws = AugmentationDraws(self.training.augmentation, labels, self.seed)
        self.weights = loss_weights(class_counts(labels), self.training.loss_weights)
        self._best = self._weights()  # line 9 of Algorithm 1

    def run(self) -> list[Row]:
        """Train until the schedule stops; leave the best weights in the classifier; return the history."""
        self._resume()
        while not self.schedule.stop_reason:
            self._open_stage()
            event = ""
            while not event:
                row, patience = self._in_force(), self.schedule.patience_in_force
                started = time.perf_counter()
                train_loss = self._train_epoch()
                validation = self._validate()
                decision = self.schedule.observe(validation.loss)
                self._note(row, train_loss, validation, decision, time.perf_counter() - started)
                if self.decided is not None:
                    self.decided(self, validation.loss, decision)
                self._obey(decision)
                log.info(epoch_line(row, self.schedule.max_epochs, patience, len(self.classifier.groups)))
                self._save(fresh_optimizer=bool(decision.event))
                event = decision.event
        return self.history

    def fork(self, schedule: Schedule, decision: Decision, checkpoints: CheckpointFolder) -> None:
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
        checkpoints.save(self._state(schedule, history, fresh_optimizer=bool(decision.event)))
        assign(self.classifier.model.weights, before)

    def _open_stage(self) -> None:
        """Open the stage's layers and compile with a fresh optimiser: Keras counts a changed `trainable` only then."""
        self.strategy.open_layers(self.classifier, self.schedule.unfrozen_groups)
        self.model.compile(
            optimizer=OPTIMIZERS[self.training.optimizer](self.schedule.learning_rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=self.training.jit_compile,
        )
        if self._optimizer_state:
            self.model.optimizer.build(self.model.trainable_variables)
            assign(self.model.optimizer.variables, self._optimizer_state)
            self._optimizer_state = ()

    def _train_epoch(self) -> float:
        """Train one epoch; return the mean weighted loss."""
        epoch = self.schedule.epoch + 1
        order = self.order.of_epoch(epoch)
        draws = self.draws.of_epoch(order, epoch, self.schedule.stage)
        feed = EpochFeed(self.images, self.train_rows[order], draws, self.weights, self.training.batch_size)
        return float(self.model.fit(feed, epochs=1, shuffle=False, verbose=0).history["loss"][0])

    def _validate(self) -> Validation:
        """Validate the classifier as it would be saved."""
        logits = predict_logits(self.classifier.model, self.images, self.validation_rows, self.training.batch_size)
        return validate(logits, self.images.labels_of("validation"))

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

    def _save(self, fresh_optimizer: bool) -> None:
        self.checkpoints.save(self._state(self.schedule, self.history, fresh_optimizer))

    def _state(self, schedule: Schedule, history: list[Row], fresh_optimizer: bool) -> Checkpoint:
        variables = [] if fresh_optimizer else self.model.optimizer.variables
        return Checkpoint(
            epoch=schedule.epoch,
            schedule=schedule.state(),
            history=history,
            variables=values_of(self.classifier.model.variables),
            best=self._best,
            optimizer=values_of(variables),
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
        self.report(self.history)
        log.info("Continuing after epoch %d, from its checkpoint", checkpoint.epoch)


def open_groups(classifier: Classifier) -> int:
    """Return how many layer groups have a weight that trains: m under dynamic fine-tuning."""
    return sum(any(layer.trainable_variables for layer in group) for group in classifier.groups)


def values_of(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Return copies of variables' values."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Give variables their values, one by one.

    Raises:
        ValueError: There are not as many values as variables.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
