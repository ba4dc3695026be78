"""The training loop of all strategies: open a stage, train and validate its epochs, carry out the decisions."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier, reinitialise_head
from lung_cxr.models.freezing import open_groups, trainable_parameters
from lung_cxr.parameters import Sampling, TrainingParameters
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.class_weights import class_counts
from lung_cxr.training.data.feed import Epoch, SplitImages
from lung_cxr.training.data.sampling import SamplingOrder
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.open_stage import open_cached_stage
from lung_cxr.training.losses import loss_weights_of_epoch, make_loss
from lung_cxr.training.optimizer import averaged_weights, make_optimizer
from lung_cxr.training.run.checkpoint import Checkpoint, CheckpointFolder, EpochProgress, assign, values_of
from lung_cxr.training.run.history import Row, epoch_line, fewest_epochs_left, results_row, settings_row
from lung_cxr.training.run.interruption import MidEpochCheckpoint, StopRequest
from lung_cxr.training.stage import Stage, whole_network
from lung_cxr.training.strategies.schedule import Decision, Schedule
from lung_cxr.training.strategies.strategy import Strategy
from lung_cxr.training.validation import Validation, validate

log = logging.getLogger(__name__)

OnEpochEnd = Callable[["FineTuning", float, Decision], None]


@dataclass
class FineTuning:
    """One training run: from its first epoch, or its last checkpoint, to its best weights.

    Attributes:
        classifier: The network; trained in place.
        strategy: Schedule of the run, and the layers that train in each stage.
        images: Pixels and split.
        training: Settings that all strategies share.
        seed: Seed of the run.
        checkpoints: Folder of the run's checkpoints; the run resumes from the newest one.
        report: Called after every epoch with all rows of the history so far.
        features: Folder of the features of frozen layers; None: every image passes through every layer.
        on_epoch_end: Called after every epoch with this run, the validation loss and the decision, before the decision
            is carried out. A sweep calls `save_branch` here.

        schedule: Decides after every epoch.
        history: One row per finished epoch.
        stage: The network that trains between two unfreezings.
        whole_network: The stage in which every image passes through every layer.
        best_weights: Weights of the classifier at the lowest validation loss.
        stop_request: Set by Ctrl-C and SIGTERM.
        mid_epoch: Saves checkpoints within long epochs.
    """

    classifier: Classifier
    strategy: Strategy
    images: SplitImages
    training: TrainingParameters
    seed: int
    checkpoints: CheckpointFolder
    report: Callable[[list[Row]], None]
    features: FeatureFolder | None = None
    on_epoch_end: OnEpochEnd | None = None

    schedule: Schedule = field(init=False)
    history: list[Row] = field(init=False, default_factory=list)
    stage: Stage = field(init=False)
    whole_network: Stage = field(init=False)
    train_rows: np.ndarray = field(init=False)
    validation_rows: np.ndarray = field(init=False)
    augmentation: AugmentationSampler = field(init=False)
    class_counts: np.ndarray = field(init=False)
    best_weights: list[np.ndarray] = field(init=False)
    stop_request: StopRequest = field(init=False, default_factory=StopRequest)
    mid_epoch: MidEpochCheckpoint = field(init=False)
    _optimizer_state: Sequence[np.ndarray] = field(init=False, default=())

    def __post_init__(self) -> None:
        training, labels = self.training, self.images.labels_of("train")
        self.schedule = self.strategy.schedule(len(self.classifier.groups), training)
        self.stage = self.whole_network = whole_network(self.classifier, self.images, training)
        self.train_rows, self.validation_rows = self.images.rows("train"), self.images.rows("validation")
        self.augmentation = AugmentationSampler(training.augmentation, labels, self.seed)
        self.class_counts = class_counts(labels)
        self.best_weights = self.weights()  # line 9 of Algorithm 1
        minutes = training.checkpoint_minutes
        save_after = None if minutes is None else 60 * minutes
        self.mid_epoch = MidEpochCheckpoint(self.save_checkpoint, self.stop_request, save_after)

    def run(self) -> list[Row]:
        """Train until the schedule stops; restore the best weights; return the history.

        Raises:
            Interrupted: Ctrl-C or SIGTERM; a checkpoint was saved, and the next run resumes from it.
        """
        self.resume()
        with self.stop_request.by_signals():
            while not self.schedule.stop_reason:
                self.open_stage()
                while not self.run_epoch().ends_stage:
                    self.stop_request.raise_if_made()
        return self.history

    def open_stage(self) -> None:
        """Open the layers of the stage and compile with a new optimiser: Keras reads `trainable` when it compiles."""
        self.strategy.open_layers(self.classifier, self.schedule.unfrozen_groups)
        self.stage.close()
        run = (self.classifier, self.images, self.augmentation, self.training)
        cached = open_cached_stage(*run, self.sampling, self.schedule.stage, self.features)
        self.stage = cached or self.whole_network
        self.model.compile(
            optimizer=make_optimizer(self.training, self.strategy, self.schedule, self.classifier, self.model),
            loss=make_loss(self.training, self.class_counts, self.sampling),
            jit_compile=self.training.jit_compile,
            steps_per_execution=self.training.steps_per_execution,
        )
        self.model.optimizer.build(self.model.trainable_variables)  # or TensorFlow traces the step twice
        if self._optimizer_state:
            assign(self.model.optimizer.variables, self._optimizer_state)
            self._optimizer_state = ()

    def run_epoch(self) -> Decision:
        """Train and validate one epoch, record it, and carry out the decision on its validation loss."""
        row = settings_row(self.schedule, open_groups(self.classifier), trainable_parameters(self.classifier))
        patience = self.schedule.current_patience
        started = time.perf_counter() - self.mid_epoch.progress.seconds
        train_loss = self.train_epoch()
        validation = self.validate()
        decision = self.schedule.on_epoch_end(validation.loss)
        row |= results_row(train_loss, validation, decision, time.perf_counter() - started)
        self.history.append(row)
        self.report(self.history)
        if self.on_epoch_end is not None:
            self.on_epoch_end(self, validation.loss, decision)
        self._carry_out(decision)
        log.info(epoch_line(row, self.schedule.max_epochs, patience, fewest_epochs_left(self.schedule)))
        self.checkpoints.save(self._checkpoint(self.schedule, self.history, new_optimizer=decision.ends_stage))
        return decision

    def train_epoch(self) -> float:
        """Train one epoch, or the rest of it, at the learning rate of the schedule; return the mean weighted loss."""
        self.model.optimizer.learning_rate = self.schedule.learning_rate
        epoch = self.schedule.epoch + 1
        order = self.sampling_order.of_epoch(epoch)
        feed = self.stage.feed(
            Epoch(
                images=self.images,
                rows=self.train_rows[order],
                samples=self.augmentation.samples_of_epoch(order, epoch, self.schedule.stage),
                loss_weights=loss_weights_of_epoch(self.training, self.class_counts, epoch),
                batch_size=self.training.batch_size,
                first_batch=self.mid_epoch.progress.batches,
            )
        )
        fitted = self.model.fit(feed, epochs=1, shuffle=False, verbose=0, callbacks=[self.mid_epoch])
        return float(fitted.history["loss"][0])

    def validate(self) -> Validation:
        """Validate the current weights, or their averages."""
        with averaged_weights(self.model):
            return validate(self.stage.logits(self.validation_rows), self.images.labels_of("validation"))

    def weights(self) -> list[np.ndarray]:
        """Return copies of all weights, or their averages; the states of random number generators are not restored."""
        with averaged_weights(self.model):
            return [np.array(value) for value in self.classifier.model.get_weights()]

    @property
    def sampling(self) -> Sampling:
        """Sampling of the stage."""
        return self.strategy.sampling(self.schedule.stage, self.training)

    @property
    def sampling_order(self) -> SamplingOrder:
        """Sequence of the training images in the epochs of the stage."""
        return SamplingOrder(self.images.labels_of("train"), self.sampling, self.training.batch_size, self.seed)

    @property
    def model(self) -> keras.Model:
        """The network that the stage compiles and fits."""
        return self.stage.model

    def resume(self) -> None:
        """Continue from the newest checkpoint, if there is one."""
        checkpoint = self.checkpoints.load()
        if checkpoint is None:
            return
        self.schedule.restore(checkpoint.schedule)
        self.history = checkpoint.history
        assign(self.classifier.model.variables, checkpoint.variables)
        self.best_weights, self._optimizer_state = list(checkpoint.best), checkpoint.optimizer
        self.mid_epoch.progress = checkpoint.progress
        self.report(self.history)
        batches = f" and {checkpoint.progress.batches} batches" if checkpoint.progress.batches else ""
        log.info("Resuming from the checkpoint after epoch %d%s", checkpoint.epoch, batches)

    def save_checkpoint(self, progress: EpochProgress) -> None:
        """Save a checkpoint within an epoch."""
        self.checkpoints.save(self._checkpoint(self.schedule, self.history, progress=progress))

    def save_branch(self, schedule: Schedule, decision: Decision, checkpoints: CheckpointFolder) -> None:
        """Save the checkpoint of another run that shares all epochs so far; this run continues unchanged.

        To be called from `on_epoch_end`.

        Args:
            schedule: Schedule of the other run, after its decision.
            decision: Its decision on the loss of this epoch.
            checkpoints: Folder of the other run's checkpoints.
        """
        before = values_of(self.classifier.model.weights)
        self._carry_out(decision)
        row = {**self.history[-1], "event": decision.event, "patience_counter": decision.patience_counter}
        history = [*self.history[:-1], row]
        checkpoints.save(self._checkpoint(schedule, history, new_optimizer=decision.ends_stage))
        assign(self.classifier.model.weights, before)

    def _carry_out(self, decision: Decision) -> None:
        """Store the weights if they are the best so far; restore the best weights, or a new head, if decided."""
        if decision.improved:
            self.best_weights = self.weights()
        if decision.restore_best_weights:
            assign(self.classifier.model.weights, self.best_weights)
        if decision.reinitialises_head:
            reinitialise_head(self.classifier)

    def _checkpoint(
        self,
        schedule: Schedule,
        history: list[Row],
        *,
        new_optimizer: bool = False,
        progress: EpochProgress | None = None,
    ) -> Checkpoint:
        """Return the state of the run; without that of the optimiser if the next epoch has a new one."""
        return Checkpoint(
            epoch=schedule.epoch,
            schedule=schedule.state(),
            history=history,
            variables=values_of(self.classifier.model.variables),
            best=self.best_weights,
            optimizer=[] if new_optimizer else values_of(self.model.optimizer.variables),
            progress=progress or EpochProgress(),
        )
