"""Checkpoints after every epoch: all that the rest of a run depends on, in one file, whole or not at all."""

import json
import logging
import os
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

KEPT = 2
"""Files kept: the newest, and the one before it in case the newest is damaged."""

GROUPS = ("variables", "best", "optimizer", "part_loss")

TEXTS = ("epoch", "schedule", "history", "part_batches", "part_seconds")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """State of a run between two epochs, or between two batches of one.

    Attributes:
        epoch: Epochs done.
        schedule: `Schedule.state()`.
        history: Rows of `history.csv` so far.
        variables: Every variable of the classifier in its own order, the states of random number generators
            included.
        best: Its weights at the lowest validation loss.
        optimizer: The optimiser's variables; empty where the next epoch starts a stage with a fresh one.
        part_batches, part_loss, part_seconds: What is done of the next epoch (`interruption.PartOfEpoch`).
    """

    epoch: int
    schedule: dict[str, Any]
    history: list[dict[str, Any]]
    variables: Sequence[np.ndarray]
    best: Sequence[np.ndarray]
    optimizer: Sequence[np.ndarray] = field(default_factory=list)
    part_batches: int = 0
    part_loss: Sequence[np.ndarray] = field(default_factory=list)
    part_seconds: float = 0.0


class CheckpointFolder:
    """The checkpoints of one run: `epoch_00012.npz` or `epoch_00012_batch_00034.npz`, the newest two.

    Args:
        folder: Of this run alone; made when the first is written.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def save(self, checkpoint: Checkpoint) -> None:
        """Write one, then remove those that are no longer needed.

        Raises:
            OSError: The disk is full or cannot be written; the checkpoints already there stay.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        part = f"_batch_{checkpoint.part_batches:05d}" if checkpoint.part_batches else ""
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
        """Return the newest checkpoint that can be read, or None; a damaged one is passed over, with a warning."""
        for path in self._newest_first():
            try:
                return _checkpoint(path)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
                log.warning("Checkpoint %s is damaged (%s); trying the one before it", path.name, type(error).__name__)
        return None

    def below(self, name: str) -> "CheckpointFolder":
        """Return the checkpoints of one part of the run; `remove` removes them too."""
        return CheckpointFolder(self.folder / name)

    def remove(self) -> None:
        """Delete all checkpoints: the run has its record."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("epoch_*.npz"), key=lambda path: path.stem, reverse=True)


def _arrays(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """Return named arrays; numbers and texts as one JSON text."""
    texts = {name: getattr(checkpoint, name) for name in TEXTS}
    arrays = {"texts": np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8)}
    for group in GROUPS:
        arrays |= {f"{group}_{index:05d}": array for index, array in enumerate(getattr(checkpoint, group))}
    return arrays


def _checkpoint(path: Path) -> Checkpoint:
    with np.load(path, allow_pickle=False) as stored:
        texts = json.loads(stored["texts"].tobytes())
        groups = {
            group: [stored[name] for name in sorted(stored.files) if name.startswith(f"{group}_")] for group in GROUPS
        }
    return Checkpoint(**{**texts, **groups})
