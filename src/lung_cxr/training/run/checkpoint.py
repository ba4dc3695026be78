"""Checkpoints: the complete state of a run after an epoch, or between two batches, in one atomic file."""

import json
import logging
import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

KEPT = 2
"""Files kept: the newest, and the one before it in case the newest is damaged."""

ARRAY_GROUPS = ("variables", "best", "optimizer", "part_loss")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochProgress:
    """Progress within an epoch that is not finished.

    Attributes:
        batches: Number of finished batches.
        loss_state: Values of the variables of Keras' loss metric (a running mean).
        seconds: Duration of the finished batches.
    """

    batches: int = 0
    loss_state: Sequence[np.ndarray] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Checkpoint:
    """State of a run between two epochs, or between two batches of one.

    Attributes:
        epoch: Number of finished epochs.
        schedule: `Schedule.state()`.
        history: Rows of `history.csv` so far.
        variables: Every variable of the classifier in the classifier's order, with the states of its random number
            generators.
        best: Weights of the classifier at the lowest validation loss.
        optimizer: Variables of the optimiser; empty if the next epoch begins a stage, which has a new optimiser.
        progress: Progress within the next epoch.
    """

    epoch: int
    schedule: dict[str, Any]
    history: list[dict[str, Any]]
    variables: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray] = ()
    progress: EpochProgress = field(default_factory=EpochProgress)


class CheckpointFolder:
    """The two newest checkpoints of one run: `epoch_00012.npz` or `epoch_00012_batch_00034.npz`.

    Args:
        folder: Folder of this run alone; created with the first checkpoint.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, then delete all but the newest two.

        Raises:
            OSError: The disk is full or not writable; the existing checkpoints stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        batches = checkpoint.progress.batches
        part = f"_batch_{batches:05d}" if batches else ""
        path = self.folder / f"epoch_{checkpoint.epoch:05d}{part}.npz"
        unfinished = path.with_suffix(".partial")
        try:
            with unfinished.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **_arrays(checkpoint))
                stream.flush()
                os.fsync(stream.fileno())
            unfinished.replace(path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        for old in self._newest_first()[KEPT:]:
            old.unlink()

    def load(self) -> Checkpoint | None:
        """Return the newest readable checkpoint, or None; a damaged one is skipped with a warning."""
        for path in self._newest_first():
            try:
                return _checkpoint(path)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("Checkpoint %s is damaged (%s); trying the one before it", path.name, type(error).__name__)
        return None

    def below(self, name: str) -> "CheckpointFolder":
        """Return the folder of a part of the run; `remove` deletes it too."""
        return CheckpointFolder(self.folder / name)

    def remove(self) -> None:
        """Delete all checkpoints, after the run's record was saved."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("epoch_*.npz"), key=lambda path: path.stem, reverse=True)


def values_of(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Return copies of the values of Keras variables."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Assign values to Keras variables, in order.

    Raises:
        ValueError: The numbers of variables and values differ.
    """
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _arrays(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return named arrays; numbers and texts are one JSON text."""
    progress = checkpoint.progress
    texts = {
        **{name: getattr(checkpoint, name) for name in ("epoch", "schedule", "history")},
        "part_batches": progress.batches,
        "part_seconds": progress.seconds,
    }
    groups = (checkpoint.variables, checkpoint.best, checkpoint.optimizer, progress.loss_state)
    arrays = {"texts": np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)}
    for name, group in zip(ARRAY_GROUPS, groups, strict=True):
        arrays |= {f"{name}_{index:05d}": array for index, array in enumerate(group)}
    return arrays


def _checkpoint(path: Path) -> Checkpoint:
    with np.load(path, allow_pickle=False) as stored:
        texts = json.loads(stored["texts"].tobytes())
        variables, best, optimizer, loss_state = (
            [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}_")] for group in ARRAY_GROUPS
        )
    progress = EpochProgress(texts["part_batches"], loss_state, texts["part_seconds"])
    return Checkpoint(
        texts["epoch"], texts["schedule"], texts["history"], variables, best, optimizer, progress=progress
    )
