"""Ctrl-C, a preempted job, a long epoch: a checkpoint between two batches, so that hardly a step is lost."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import keras
import numpy as np

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; what schedulers and containers send before they kill


class Interrupted(KeyboardInterrupt):
    """The run was told to stop, and stopped with a checkpoint."""


@dataclass
class StopRequest:
    """Whether somebody asked for the end.

    Attributes:
        made: They did.
    """

    made: bool = False

    def obey(self) -> None:
        """End the run if it was asked for.

        Raises:
            Interrupted: It was.
        """
        if self.made:
            log.warning("Stopped with a checkpoint, as asked: the same command goes on from there")
            raise Interrupted("training was interrupted; the next run goes on from its checkpoint")

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Take Ctrl-C and SIGTERM as requests inside; a second one ends the process as usual.

        Only the main thread of a process can do so; in any other, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def note(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self.made = True
            signal.signal(number, before[signal.Signals(number)])

        for number in SIGNALS:
            signal.signal(number, note)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class PartOfEpoch:
    """How far an epoch has come.

    Attributes:
        batches: Batches done.
        loss: State of Keras' mean of the loss: variables' values.
        seconds: Spent on them.
    """

    batches: int = 0
    loss: Sequence[np.ndarray] = ()
    seconds: float = 0.0


@dataclass(eq=False)
class BetweenBatches(keras.callbacks.Callback):
    """Saves the part of an epoch that is done when the run is told to stop, and every few minutes.

    Attributes:
        part: What an earlier process did of this epoch.
        batches: Of the whole epoch.
        save_after: Seconds between two checkpoints within an epoch; None: only when told to stop.
        save: Writes a checkpoint of a part.
        stop: Whether the run is told to stop.
    """

    part: PartOfEpoch
    batches: int
    save_after: float | None
    save: Callable[[PartOfEpoch], None]
    stop: StopRequest
    _started: float = field(init=False, default_factory=time.perf_counter)
    _saved: float = field(init=False, default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        super().__init__()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Let the mean of the loss go on where it was."""
        if len(self.part.loss):
            for variable, value in zip(self.model.metrics[0].variables, self.part.loss, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Save if it is time; the end of the epoch has its own checkpoint."""
        done, now = self.part.batches + batch + 1, time.perf_counter()
        is_due = self.save_after is not None and now - self._saved > self.save_after
        if done < self.batches and (self.stop.made or is_due):
            loss = [np.array(keras.ops.convert_to_numpy(value)) for value in self.model.metrics[0].variables]
            self.save(PartOfEpoch(done, loss, self.part.seconds + now - self._started))
            self._saved = now
            self.stop.obey()
