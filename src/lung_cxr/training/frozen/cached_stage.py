"""A stage behind a frozen prefix: cached features are read, only missing ones are computed."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import proxy

import keras
import numpy as np

from lung_cxr.progress import follow
from lung_cxr.training.data.augmentation_parameters import UNAUGMENTED
from lung_cxr.training.data.feed import Epoch, EpochFeed, SplitImages
from lung_cxr.training.data.sampling import batches_per_epoch
from lung_cxr.training.frozen.feature_cache import FeatureStore
from lung_cxr.training.frozen.split_point import FrozenPrefix

# Images computed at once. Always the same number, so that features do not depend on the other missing images.
CHUNK = 32

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class CachedFeatures:
    """The cached features of one kind of images.

    Attributes:
        store: Store of the features.
        rows: Function from (n,) slots to the (n,) rows of their images.
        draws: Function from (n,) slots to (n, 3) augmentation parameters; None: the images are not augmented.
    """

    store: FeatureStore
    rows: Callable[[np.ndarray], np.ndarray]
    draws: Callable[[np.ndarray], np.ndarray] | None = None


class CachedStage:
    """Trains the layers behind the frozen prefix on its features.

    Args:
        images: Pixels and split.
        prefix: The frozen layers and the suffix behind them.
        cached: Cache of each kind of images; `validation` and `unaugmented` have one slot per row, `bank` has slot
            position · K + copy.
        bank: Number K of copies per image; None: there is no bank.
        batch_size: Images.
    """

    def __init__(
        self,
        images: SplitImages,
        prefix: FrozenPrefix,
        cached: Mapping[str, CachedFeatures],
        bank: int | None,
        batch_size: int,
    ):
        self.images, self.prefix, self.cached, self.bank, self.batch_size = images, prefix, cached, bank, batch_size

    @property
    def model(self) -> keras.Model:
        """The layers that train."""
        return self.prefix.suffix

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return the feed of an epoch; compute and cache its missing features first."""
        begin = epoch.first_batch * epoch.batch_size
        for kind, positions, slots in self.slots_of(epoch):
            self.fill(kind, slots[positions >= begin])
        return FeatureFeed(epoch, self)

    def slots_of(self, epoch: Epoch) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Return for each cached kind its (n,) positions in the epoch and their (n,) slots."""
        copies = epoch.samples.copies
        unaugmented, of_bank = np.flatnonzero(copies == UNAUGMENTED), np.flatnonzero(copies >= 0)
        found = []
        if "unaugmented" in self.cached:
            found.append(("unaugmented", unaugmented, epoch.rows[unaugmented]))
        if "bank" in self.cached and self.bank:
            found.append(("bank", of_bank, epoch.samples.positions[of_bank] * self.bank + copies[of_bank]))
        return found

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 7) float64 logits of (n,) rows, without augmentation."""
        if "validation" in self.cached:
            self.fill("validation", rows)
        logits = self.model.predict(InferenceFeatures(self, rows), verbose=0)
        return np.asarray(logits, dtype=np.float64)[: len(rows)]

    def unaugmented_features(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, …) features of (n,) rows without augmentation, from the cache if possible."""
        return self.features_of("validation", rows, None)

    def features_of(self, kind: str, rows: np.ndarray, draws: np.ndarray | None) -> np.ndarray:
        """Return (n, …) features of (n,) rows, augmented by (n, 3) draws if given; `kind` has one slot per row."""
        features = np.empty((len(rows), *self.prefix.shape), self.prefix.dtype)
        held = np.zeros(len(rows), dtype=bool)
        if kind in self.cached:
            store = self.cached[kind].store
            held = store.holds(rows)
            features[held] = store.take(rows[held])
        if not held.all():
            features[~held] = self.computed(rows[~held], None if draws is None else draws[~held])
        return features

    def computed(self, rows: np.ndarray, draws: np.ndarray | None) -> np.ndarray:
        """Compute (n, …) features of (n,) rows, augmented by (n, 3) draws if given."""
        padded = np.resize(np.arange(len(rows)), _next_quarter(len(rows), self.batch_size))  # few shapes to compile for
        chosen = None if draws is None else draws[padded]
        return self.prefix.features(self.images.batch(rows[padded]), chosen)[: len(rows)]

    def close(self) -> None:
        """Close the stores."""
        for store in {id(cached.store): cached.store for cached in self.cached.values()}.values():
            store.close()

    def fill(self, kind: str, slots: np.ndarray) -> None:
        """Compute and cache the missing features of one kind."""
        cached = self.cached[kind]
        missing = cached.store.missing(slots)
        if not len(missing) or cached.store.full:
            return
        begins = range(0, len(missing), CHUNK)
        title = f"Frozen layers to {self.prefix.split_point.name}: images ({kind})"
        log.debug("%s: %d", title, len(missing))
        for begin in follow(begins, title, len(missing), CHUNK):
            chunk = missing[begin : begin + CHUNK]
            padded = np.resize(chunk, CHUNK)
            draws = None if cached.draws is None else cached.draws(padded)
            features = self.prefix.features(self.images.batch(cached.rows(padded)), draws)
            cached.store.put(chunk, features[: len(chunk)])


class FeatureFeed(EpochFeed):
    """Batches of an epoch whose inputs are features (n, …) at the split point.

    TensorFlow keeps a reference to every feed. The feed therefore holds only a weak reference to its stage: a strong
    one would keep the networks of all runs in memory.

    Args:
        epoch: Images of the epoch.
        stage: Stage with the cache.
    """

    def __init__(self, epoch: Epoch, stage: CachedStage):
        super().__init__(epoch)
        self.stage = proxy(stage)
        self.slots = np.full(len(epoch.rows), -1)
        self.kinds: dict[str, np.ndarray] = {}
        for kind, positions, slots in stage.slots_of(epoch):
            self.slots[positions] = np.where(stage.cached[kind].store.holds(slots), slots, -1)
            self.kinds[kind] = positions

    def inputs(self, batch: slice) -> np.ndarray:
        """Return the features of a batch: cached ones are read, the others computed."""
        numbers = np.arange(len(self.slots))[batch]
        features = np.empty((len(numbers), *self.stage.prefix.shape), self.stage.prefix.dtype)
        held = self.slots[numbers] >= 0
        for kind, positions in self.kinds.items():
            own = held & np.isin(numbers, positions, assume_unique=True)
            features[own] = self.stage.cached[kind].store.take(self.slots[numbers[own]])
        missing = numbers[~held]
        if len(missing):
            features[~held] = self.stage.computed(
                self.epoch.rows[missing], self.epoch.samples.augmentation_parameters[missing]
            )
        return features


class InferenceFeatures(keras.utils.PyDataset):
    """Features of images without augmentation, in order of their rows; the last batch repeats its last image.

    Args:
        stage: Stage with the cache.
        rows: (n,) rows of the images.
    """

    def __init__(self, stage: CachedStage, rows: np.ndarray):
        super().__init__(workers=1, use_multiprocessing=False)
        self.stage, self.rows = proxy(stage), rows

    def __len__(self) -> int:
        return batches_per_epoch(len(self.rows), self.stage.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        places = np.arange(index * self.stage.batch_size, (index + 1) * self.stage.batch_size)
        return (self.stage.unaugmented_features(self.rows[np.minimum(places, len(self.rows) - 1)]),)


def _next_quarter(images: int, batch_size: int) -> int:
    """Return the next multiple of a quarter of a batch."""
    quarter = max(1, batch_size // 4)
    return -(-images // quarter) * quarter
