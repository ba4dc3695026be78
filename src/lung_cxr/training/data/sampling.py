"""Which images an epoch shows, in which order, and how each is augmented: functions of the seed and the epoch
alone.

Nothing here has a state, so a resumed run, and any other strategy, sees exactly the same images. The random
streams are told apart by a number each.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import AugmentationParameters

CLASSES, CYCLE, PERMUTATION, FRESH, COPY, BANK = range(6)  # streams of random numbers
IDENTITY = (0.0, 1.0, 1.0)  # no rotation, brightness × 1, contrast × 1

AS_IT_IS = -1  # number of a showing's copy: the image itself
DRAWN_ANEW = -2  # a copy that is shown this once


def batches_per_epoch(images: int, batch_size: int) -> int:
    """Return ceil(N / batch), under either sampling."""
    return -(-images // batch_size)


@dataclass(frozen=True)
class Showings:
    """What an epoch shows, in order.

    Attributes:
        positions: (n,) place of each image among the training images.
        copies: (n,) which copy of it (`AugmentationDraws.copies_of_epoch`).
        draws: (n, 3) float32 how it is changed (`AugmentationDraws.of_epoch`).
        stage: Unfreezings so far: which bank the copies are of.
    """

    positions: np.ndarray
    copies: np.ndarray
    draws: np.ndarray
    stage: int

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class ImageOrder:
    """Order of the training images in every epoch.

    Attributes:
        labels: (N,) class index of each training image.
        sampling: `natural`: each image once, shuffled. `balanced`: every draw picks a class uniformly, then
            the next image of that class; each class is gone through in a new shuffled order again and again,
            on across epochs.
        batch_size: Images.
        seed: Of the run.
    """

    labels: np.ndarray
    sampling: Literal["balanced", "natural"]
    batch_size: int
    seed: int

    def of_epoch(self, epoch: int) -> np.ndarray:
        """Return the positions (into `labels`) shown in epoch 1, 2, …

        (N,) int under natural sampling; (ceil(N / batch) · batch,) under balanced sampling, so that all
        batches are full.
        """
        if self.sampling == "natural":
            return _stream(self.seed, PERMUTATION, epoch).permutation(len(self.labels))
        drawn, used = self._classes(epoch), self._used_before(epoch)
        order = np.empty(len(drawn), dtype=np.int64)
        for label in np.unique(drawn):
            places = np.flatnonzero(drawn == label)
            order[places] = self._cycled(label, used[label], len(places))
        return order

    def _classes(self, epoch: int) -> np.ndarray:
        """Return the class of every draw of an epoch."""
        draws = batches_per_epoch(len(self.labels), self.batch_size) * self.batch_size
        present = np.unique(self.labels)
        return present[_stream(self.seed, CLASSES, epoch).integers(len(present), size=draws)]

    def _used_before(self, epoch: int) -> np.ndarray:
        """Return (7,) int: images of each class shown in all earlier epochs."""
        used = np.zeros(len(DISEASES), dtype=np.int64)
        for earlier in range(1, epoch):
            used += np.bincount(self._classes(earlier), minlength=len(DISEASES))
        return used

    def _cycled(self, label: int, start: int, count: int) -> np.ndarray:
        """Return the images number `start` … `start + count − 1` of one class's endless cycle."""
        members = np.flatnonzero(self.labels == label)
        cycles = range(start // len(members), (start + count - 1) // len(members) + 1)
        shuffled = [_stream(self.seed, CYCLE, int(label), cycle).permutation(members) for cycle in cycles]
        first = start % len(members)
        return np.concatenate(shuffled)[first : first + count]


@dataclass(frozen=True)
class AugmentationDraws:
    """How each image shown is changed (Table 2).

    Attributes:
        parameters: Ranges, and whether draws are taken from a bank.
        labels: (N,) class index of each training image.
        seed: Of the run.
    """

    parameters: AugmentationParameters
    labels: np.ndarray
    seed: int

    def of_epoch(self, order: np.ndarray, epoch: int, stage: int) -> np.ndarray:
        """Return (n, 3) float32: angle (degrees), brightness factor, contrast factor of each of the n images
        shown.

        Images of classes that are not augmented get `IDENTITY`. With a bank of K, every image has K draws per
        stage, and each showing picks one of them; without, each showing is drawn anew.

        Args:
            order: (n,) positions of the images, as `ImageOrder.of_epoch` gives them.
            epoch: 1, 2, …
            stage: Unfreezings so far; a bank is renewed with each.
        """
        copies = self.copies_of_epoch(order, epoch)
        if self.parameters.bank is None:
            drawn = self._uniform(_stream(self.seed, FRESH, epoch), (len(order),))
        else:
            drawn = self.bank_of_stage(stage)[order, copies]
        return np.where((copies == AS_IT_IS)[:, None], IDENTITY, drawn).astype(np.float32)

    def showings(self, order: np.ndarray, epoch: int, stage: int) -> Showings:
        """Return what an epoch shows; arguments as of `of_epoch`."""
        return Showings(order, self.copies_of_epoch(order, epoch), self.of_epoch(order, epoch, stage), stage)

    def copies_of_epoch(self, order: np.ndarray, epoch: int) -> np.ndarray:
        """Return (n,) int: which copy each showing shows: of the bank 0…K−1, `AS_IT_IS` or `DRAWN_ANEW`."""
        bank = self.parameters.bank
        if bank is None:
            copies = np.full(len(order), DRAWN_ANEW)
        else:
            copies = _stream(self.seed, COPY, epoch).integers(bank, size=len(order))
        return np.where(self.augmented[self.labels[order]], copies, AS_IT_IS)

    @cached_property
    def augmented(self) -> np.ndarray:
        """(7,) bool: whether images of a class are augmented."""
        return np.isin(np.arange(len(DISEASES)), augmented_classes(self.parameters.classes, self.labels))

    def bank_of_stage(self, stage: int) -> np.ndarray:
        """Return (N, K, 3) float64: all draws of one stage."""
        return self._uniform(_stream(self.seed, BANK, stage), (len(self.labels), self.parameters.bank or 1))

    def _uniform(self, stream: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        ranges = (
            (-self.parameters.rotation, self.parameters.rotation),
            self.parameters.brightness,
            self.parameters.contrast,
        )
        low, high = np.array(ranges).T
        return stream.uniform(low, high, size=(*shape, len(IDENTITY)))


def augmented_classes(classes: list[str] | Literal["all_but_largest"] | None, labels: np.ndarray) -> np.ndarray:
    """Return the class indices that are augmented; the largest is the first of those with the most training images."""
    if classes is None:
        return np.array([], dtype=np.int64)
    if classes == "all_but_largest":
        largest = np.bincount(labels, minlength=len(DISEASES)).argmax()
        return np.delete(np.arange(len(DISEASES)), largest)
    return np.array([DISEASES.index(name) for name in classes], dtype=np.int64)


def _stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random stream of a key; the same key, the same numbers."""
    return np.random.default_rng([seed, *key])
