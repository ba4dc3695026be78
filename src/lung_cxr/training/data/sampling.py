"""The sampling order: which training images an epoch shows, and in which sequence.

The order is a function of the seed and the epoch alone. Nothing here has a state, so a resumed run, and any other
strategy, sees exactly the same images.
"""

from dataclasses import dataclass

import numpy as np

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import Sampling

# Streams of random numbers. FRESH, COPY, BANK and UNCHANGED are those of `augmentation_parameters.py`.
CLASSES, CYCLE, PERMUTATION, FRESH, COPY, BANK, UNCHANGED = range(7)


def random_stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random generator of a key; equal keys give equal numbers."""
    return np.random.default_rng([seed, *key])


def batches_per_epoch(images: int, batch_size: int) -> int:
    """Return ceil(N / batch size), for either kind of sampling."""
    return -(-images // batch_size)


@dataclass(frozen=True)
class SamplingOrder:
    """Sequence of the training images in every epoch.

    Attributes:
        labels: (N,) class index of each training image.
        sampling: `natural`: each image once, shuffled. `balanced`: each sample picks a class uniformly, then the next
            image of that class. The images of a class are shuffled and shown one after the other; after the last one
            they are shuffled again. The sequence of a class continues across epochs.
        batch_size: Images per batch.
        seed: Seed of the run.
    """

    labels: np.ndarray
    sampling: Sampling
    batch_size: int
    seed: int

    def of_epoch(self, epoch: int) -> np.ndarray:
        """Return the positions (indices into `labels`) of the images of epoch 1, 2, …

        Returns:
            (N,) int with natural sampling; (ceil(N / batch size) · batch size,) int with balanced sampling, so that
            all batches are full.
        """
        if self.sampling == "natural":
            return random_stream(self.seed, PERMUTATION, epoch).permutation(len(self.labels))
        classes, used = self._classes(epoch), self._used_before(epoch)
        order = np.empty(len(classes), dtype=np.int64)
        for label in np.unique(classes):
            places = np.flatnonzero(classes == label)
            order[places] = self._cycled(label, used[label], len(places))
        return order

    def _classes(self, epoch: int) -> np.ndarray:
        """Return the class of every sample of an epoch."""
        samples = batches_per_epoch(len(self.labels), self.batch_size) * self.batch_size
        present = np.unique(self.labels)
        return present[random_stream(self.seed, CLASSES, epoch).integers(len(present), size=samples)]

    def _used_before(self, epoch: int) -> np.ndarray:
        """Return (7,) int: number of images of each class in all earlier epochs."""
        used = np.zeros(len(DISEASES), dtype=np.int64)
        for earlier in range(1, epoch):
            used += np.bincount(self._classes(earlier), minlength=len(DISEASES))
        return used

    def _cycled(self, label: int, start: int, count: int) -> np.ndarray:
        """Return images number `start` … `start + count − 1` of the endless sequence of one class."""
        members = np.flatnonzero(self.labels == label)
        cycles = range(start // len(members), (start + count - 1) // len(members) + 1)
        shuffled = [random_stream(self.seed, CYCLE, int(label), cycle).permutation(members) for cycle in cycles]
        first = start % len(members)
        return np.concatenate(shuffled)[first : first + count]
