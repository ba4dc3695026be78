"""Interruption of a run (Ctrl-C, SIGTERM) and checkpoints within long epochs."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import keras

from lung_cxr.progress import ProgressLog
from lung_cxr.training.run.checkpoint import EpochProgress, assign, values_of

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; schedulers and containers send SIGTERM before they kill


class Interrupted(KeyboardInterrupt):
    """The run was interrupted after its checkpoint was saved."""


@dataclass
class StopRequest:
    """A request to interrupt the run.

    Attributes:
        made: Whether the request was made.
    """

    made: bool = False

    def raise_if_made(self) -> None:
        """End the run if the request was made; to be called after a checkpoint was saved.

        Raises:
            Interrupted: The request was made.
        """
        if self.made:
            log.warning("Interrupted; checkpoint saved. Run the same command to resume")
            raise Interrupted("training was interrupted and its checkpoint saved; run the same command to resume")

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Turn the first Ctrl-C or SIGTERM within the block into a request; a second one ends the process as usual.

        Python receives signals in the main thread only. In any other thread the block changes nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in SIGNALS}

        def request(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
            self.made = True
            signal.signal(number, before[signal.Signals(number)])

        for number in SIGNALS:
            signal.signal(number, request)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(eq=False)
class MidEpochCheckpoint(keras.callbacks.Callback):
    """Save checkpoints within an epoch, every few minutes and on interruption, and log the progress of a long epoch.

    Attributes:
        save: Writes a checkpoint of the run with this progress.
        stop: The request to interrupt the run.
        save_after: Seconds between two checkpoints; None: only when the run is interrupted.
        progress: Progress within the current epoch; an earlier process may have trained its first batches.
    """

    save: Callable[[EpochProgress], None]
    stop: StopRequest
    save_after: float | None
    progress: EpochProgress = field(default_factory=EpochProgress)
    _first: EpochProgress = field(init=False, default_factory=EpochProgress)
    _started: float = field(init=False, default=0.0)
    _saved: float = field(init=False, default=0.0)
    _lines: ProgressLog = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Restore the running mean of the loss of an interrupted epoch."""
        self._first = self.progress
        self._started = self._saved = time.perf_counter()
        self._lines = ProgressLog("Batches of this epoch", self.params["steps"])
        if len(self._first.loss_state):
            assign(self.model.metrics[0].variables, self._first.loss_state)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Save a checkpoint if it is due. The last batch needs none: a checkpoint follows every epoch."""
        now = time.perf_counter()
        self._lines.advance(batch + 1 - self._lines.pace.done)
        is_due = self.save_after is not None and now - self._saved > self.save_after
        if batch + 1 < self.params["steps"] and (self.stop.made or is_due):
            self.progress = EpochProgress(
                batches=self._first.batches + batch + 1,
                loss_state=values_of(self.model.metrics[0].variables),
                seconds=self._first.seconds + now - self._started,
            )
            self.save(self.progress)
            self._saved = now
            self.stop.raise_if_made()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        """Begin the next epoch without progress."""
        self.progress = EpochProgress()
