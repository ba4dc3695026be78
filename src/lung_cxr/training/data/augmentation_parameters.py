"""The augmentation parameters of every sample: rotation, brightness and contrast (Table 2).

They are a function of the seed, the epoch and the stage alone, so a resumed run, and any other strategy, sees exactly
the same images. `augmentation.py` applies them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import AugmentationParameters
from lung_cxr.training.data.sampling import BANK, COPY, FRESH, UNCHANGED, random_stream

NO_AUGMENTATION = (0.0, 1.0, 1.0)  # no rotation, brightness × 1, contrast × 1

UNAUGMENTED = -1  # copy number of a sample that is the image itself
FRESH_COPY = -2  # copy number of a sample with augmentation parameters of its own


@dataclass(frozen=True)
class EpochSamples:
    """The samples of an epoch, in their order.

    Attributes:
        positions: (n,) int position of each sample's image among the training images.
        copies: (n,) int copy number of each sample (`AugmentationSampler.copies_of_epoch`).
        augmentation_parameters: (n, 3) float32 (`AugmentationSampler.of_epoch`).
        stage: Number of unfreezings so far. It selects the bank of the copies.
    """

    positions: np.ndarray
    copies: np.ndarray
    augmentation_parameters: np.ndarray
    stage: int

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class AugmentationSampler:
    """Draws the augmentation parameters of each sample (Table 2).

    Attributes:
        parameters: Ranges of rotation, brightness and contrast; size of the bank, if there is one; unchanged share.
        labels: (N,) class index of each training image.
        seed: Seed of the run.
    """

    parameters: AugmentationParameters
    labels: np.ndarray
    seed: int

    def samples_of_epoch(self, order: np.ndarray, epoch: int, stage: int) -> EpochSamples:
        """Return the samples of an epoch; for the arguments see `of_epoch`."""
        return EpochSamples(order, self.copies_of_epoch(order, epoch), self.of_epoch(order, epoch, stage), stage)

    def of_epoch(self, order: np.ndarray, epoch: int, stage: int) -> np.ndarray:
        """Return (n, 3) float32: angle (degrees), brightness factor and contrast factor of each of n samples.

        Images of classes that are not augmented, and the unchanged share of the others, get `NO_AUGMENTATION`. With a
        bank of K, every image has K sets of parameters per stage, and each sample uses one of them. Without a bank,
        each sample has its own.

        Args:
            order: (n,) positions of the images, as `SamplingOrder.of_epoch` returns them.
            epoch: 1, 2, …
            stage: Number of unfreezings so far; each stage has its own bank.
        """
        copies = self.copies_of_epoch(order, epoch)
        if self.parameters.bank is None:
            drawn = self._uniform(random_stream(self.seed, FRESH, epoch), (len(order),))
        else:
            drawn = self.bank_of_stage(stage)[order, copies]
        return np.where((copies == UNAUGMENTED)[:, None], NO_AUGMENTATION, drawn).astype(np.float32)

    def copies_of_epoch(self, order: np.ndarray, epoch: int) -> np.ndarray:
        """Return (n,) int copy numbers: 0…K−1 of the bank, `UNAUGMENTED` or `FRESH_COPY`."""
        bank = self.parameters.bank
        if bank is None:
            copies = np.full(len(order), FRESH_COPY)
        else:
            copies = random_stream(self.seed, COPY, epoch).integers(bank, size=len(order))
        augmented = self.augmented[self.labels[order]]
        if share := self.parameters.unchanged_share:
            augmented &= random_stream(self.seed, UNCHANGED, epoch).random(len(order)) >= share
        return np.where(augmented, copies, UNAUGMENTED)

    @cached_property
    def augmented(self) -> np.ndarray:
        """(7,) bool: True for classes whose images are augmented."""
        return np.isin(np.arange(len(DISEASES)), augmented_classes(self.parameters.classes, self.labels))

    def bank_of_stage(self, stage: int) -> np.ndarray:
        """Return (N, K, 3) float64: all augmentation parameters of one stage."""
        return self._uniform(random_stream(self.seed, BANK, stage), (len(self.labels), self.parameters.bank or 1))

    def _uniform(self, stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        ranges = (
            (-self.parameters.rotation, self.parameters.rotation),
            self.parameters.brightness,
            self.parameters.contrast,
        )
        low, high = np.array(ranges).T
        return stream.uniform(low, high, size=(*shape, len(NO_AUGMENTATION)))


def augmented_classes(classes: list[str] | Literal["all_but_largest"] | None, labels: np.ndarray) -> np.ndarray:
    """Return the class indices that are augmented.

    The largest class has the most training images; of equally large classes it is the first.
    """
    if classes is None:
        return np.array([], dtype=np.int64)
    if classes == "all_but_largest":
        largest = np.bincount(labels, minlength=len(DISEASES)).argmax()
        return np.delete(np.arange(len(DISEASES)), largest)
    return np.array([DISEASES.index(name) for name in classes], dtype=np.int64)
