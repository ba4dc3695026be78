"""The batches of an epoch, read from one memory-mapped pixel array."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import keras
import numpy as np
import pandas as pd

from lung_cxr.contracts import SUBSETS
from lung_cxr.diseases import class_index
from lung_cxr.training.data.augmentation_parameters import EpochSamples
from lung_cxr.training.data.sampling import batches_per_epoch


class Images(Protocol):
    """Source of a model's images."""

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, size, size, 1) uint8, in the order of `rows`."""


@dataclass(frozen=True)
class SplitImages:
    """The images of one split.

    Attributes:
        pixels: (N, size, size) uint8, memory-mapped, rows in split order.
        split: Table of the rows (`contracts.split`).
        quality: Distribution of the QC metrics (`describe_quality`), for the decision rule; None: unknown.

    Raises:
        ValueError: The pixels belong to another split, or the training or validation set is empty.
    """

    pixels: np.ndarray
    split: pd.DataFrame
    quality: dict[str, Any] | None = None

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
    """The training images of one epoch, or the rest of them.

    Attributes:
        images: Pixels and split.
        rows: (n,) row of `images` of each sample, in order.
        samples: Positions, copy numbers and augmentation parameters of the samples.
        loss_weights: (7,) weight of the loss by class.
        batch_size: Images per batch.
        first_batch: Number of batches that were trained before the epoch was interrupted.
    """

    images: SplitImages
    rows: np.ndarray
    samples: EpochSamples
    loss_weights: np.ndarray
    batch_size: int
    first_batch: int = 0

    @property
    def batches(self) -> int:
        """Number of remaining batches."""
        return batches_per_epoch(len(self.rows), self.batch_size) - self.first_batch


class EpochFeed(keras.utils.PyDataset):
    """Batches of an epoch: (inputs, labels, loss weights). The inputs are (images, augmentation parameters).

    Args:
        epoch: The epoch whose batches are returned.
    """

    def __init__(self, epoch: Epoch):
        super().__init__(workers=1, use_multiprocessing=False)
        self.epoch = epoch
        self.labels = epoch.images.labels[epoch.rows]
        self.loss_weights = epoch.loss_weights.astype(np.float32)[self.labels]

    def __len__(self) -> int:
        return self.epoch.batches

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray, np.ndarray]:
        begin = (self.epoch.first_batch + index) * self.epoch.batch_size
        batch = slice(begin, begin + self.epoch.batch_size)
        return self.inputs(batch), self.labels[batch], self.loss_weights[batch]

    def inputs(self, batch: slice) -> Any:
        """Return the inputs of the trained model: (n, size, size, 1) uint8 and (n, 3) float32."""
        return self.epoch.images.batch(self.epoch.rows[batch]), self.epoch.samples.augmentation_parameters[batch]


class PositionFeed(EpochFeed):
    """Batches for a GPU-resident dataset: the inputs are (positions among the training images, parameters)."""

    def inputs(self, batch: slice) -> Any:
        """Return (n,) int32 and (n, 3) float32."""
        samples = self.epoch.samples
        return samples.positions[batch].astype(np.int32), samples.augmentation_parameters[batch]


class InferenceFeed(keras.utils.PyDataset):
    """Batches of images without augmentation, in the order of `rows`.

    The last batch is padded with its last image. All batches then have one shape, and prediction is compiled once.
    """

    def __init__(self, images: Images, rows: np.ndarray, batch_size: int):
        super().__init__(workers=1, use_multiprocessing=False)
        self.images, self.rows, self.batch_size = images, rows, batch_size

    def __len__(self) -> int:
        return batches_per_epoch(len(self.rows), self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        places = np.arange(index * self.batch_size, (index + 1) * self.batch_size)
        return (self.images.batch(self.rows[np.minimum(places, len(self.rows) - 1)]),)
