"""Brings the images of an epoch to the model, batch by batch, from one memory-mapped array."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import class_index
from lung_cxr.training.data.sampling import Showings, batches_per_epoch


class Images(Protocol):
    """Where a model's images come from."""

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`."""


@dataclass(frozen=True)
class SplitImages:
    """The images of one split.

    Attributes:
        pixels: (N, size, size) uint8, memory-mapped, rows in split order.
        split: The rows' table, `contracts.split`.
    """

    pixels: np.ndarray
    split: pd.DataFrame

    def __post_init__(self):
        if len(self.pixels) != len(self.split):
            raise ValueError(
                f"the pixel array holds {len(self.pixels)} images, the split {len(self.split)}: run "
                "`kedro run --pipelines splitting` again"
            )
        empty = [subset for subset in SUBSETS[:2] if not len(self.rows(subset))]
        if empty:
            raise ValueError(f"the split has no images for {' and '.join(empty)}: training needs both")

    def rows(self, subset: str) -> np.ndarray:
        """Return the row numbers of a subset, in order."""
        return np.flatnonzero((self.split["subset"] == subset).to_numpy())

    def labels_of(self, subset: str) -> np.ndarray:
        """Return the class indices of a subset, in order."""
        return self.labels[self.rows(subset)]

    @cached_property
    def labels(self) -> np.ndarray:
        """(N,) int: class index of each row."""
        return self.split["label"].map(class_index).to_numpy(dtype=np.int64)

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`."""
        return self.pixels[rows][..., None]


@dataclass(frozen=True)
class Epoch:
    """The training images of one epoch, or what is left of it.

    Attributes:
        images: Pixels and split.
        rows: (n,) row of `images` of each showing, in order.
        showings: Which copy of it, and how it is changed.
        weights: (7,) weight of the loss by class.
        batch_size: Images.
        first_batch: Batches that an interrupted epoch has already had.
    """

    images: SplitImages
    rows: np.ndarray
    showings: Showings
    weights: np.ndarray
    batch_size: int
    first_batch: int = 0

    @property
    def batches(self) -> int:
        """Batches still to come."""
        return batches_per_epoch(len(self.rows), self.batch_size) - self.first_batch


class EpochFeed(keras.utils.PyDataset):
    """Batches of an epoch: (inputs, labels, weights of the loss). The inputs are (images, draws).

    Args:
        epoch: To be fed.
    """

    def __init__(self, epoch: Epoch):
        super().__init__(workers=1, use_multiprocessing=False)
        self.epoch = epoch
        self.labels = epoch.images.labels[epoch.rows]
        self.weights = epoch.weights.astype(np.float32)[self.labels]

    def __len__(self) -> int:
        return self.epoch.batches

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray, np.ndarray]:
        begin = (self.epoch.first_batch + index) * self.epoch.batch_size
        batch = slice(begin, begin + self.epoch.batch_size)
        return self.inputs(batch), self.labels[batch], self.weights[batch]

    def inputs(self, batch: slice) -> Any:
        """Return what the trained model gets: (n, size, size, 1) uint8 and (n, 3) float32."""
        return self.epoch.images.batch(self.epoch.rows[batch]), self.epoch.showings.draws[batch]


class PositionFeed(EpochFeed):
    """The same for images that the device holds: the inputs are (positions among the training images, draws)."""

    def inputs(self, batch: slice) -> Any:
        """Return (n,) int32 and (n, 3) float32."""
        return self.epoch.showings.positions[batch].astype(np.int32), self.epoch.showings.draws[batch]


class InferenceFeed(keras.utils.PyDataset):
    """Images as they are, in order of their rows.

    The last batch is filled up with its last image: all batches have one shape, so that prediction is compiled once.
    """

    def __init__(self, images: Images, rows: np.ndarray, batch_size: int):
        super().__init__(workers=1, use_multiprocessing=False)
        self.images, self.rows, self.batch_size = images, rows, batch_size

    def __len__(self) -> int:
        return batches_per_epoch(len(self.rows), self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        places = np.arange(index * self.batch_size, (index + 1) * self.batch_size)
        return (self.images.batch(self.rows[np.minimum(places, len(self.rows) - 1)]),)
