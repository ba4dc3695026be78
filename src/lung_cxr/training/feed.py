"""Brings the images of an epoch to the model, batch by batch, from one memory-mapped array."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import class_index
from lung_cxr.training.draws import batches_per_epoch


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


class EpochFeed(keras.utils.PyDataset):
    """Augmented training images of one epoch: ((images, draws), labels, weights of the loss).

    Args:
        images: Where pixels are gathered from.
        rows: (n,) row of `images` of each showing, in order.
        draws: (n, 3) float32 augmentation of each showing.
        weights: (7,) weight of the loss by class.
        batch_size: Images.
    """

    def __init__(self, images: SplitImages, rows: np.ndarray, draws: np.ndarray, weights: np.ndarray, batch_size: int):
        super().__init__(workers=1, use_multiprocessing=False)
        self.images, self.rows, self.draws, self.batch_size = images, rows, draws, batch_size
        self.labels = images.labels[rows]
        self.weights = weights.astype(np.float32)[self.labels]

    def __len__(self) -> int:
        return batches_per_epoch(len(self.rows), self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray, np.ndarray]:
        batch = slice(index * self.batch_size, (index + 1) * self.batch_size)
        return (self.images.batch(self.rows[batch]), self.draws[batch]), self.labels[batch], self.weights[batch]


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
