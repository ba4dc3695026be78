"""A stage behind a frozen prefix: features of what is shown again are looked up, only the rest is computed."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from weakref import proxy

import keras
import numpy as np
from rich.progress import track

from lung_cxr.training.data.feed import Epoch, EpochFeed, SplitImages
from lung_cxr.training.data.sampling import AS_IT_IS, batches_per_epoch
from lung_cxr.training.frozen.feature_cache import FeatureStore
from lung_cxr.training.frozen.split_point import FrozenPrefix

COMPUTED_AT_ONCE = 32
"""Images; always as many, so that an image's features do not depend on which others were missing."""

WORTH_A_BAR = 1000  # images to compute; fewer take seconds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptFeatures:
    """The features of one kind of images that a stage keeps.

    Attributes:
        store: Where they are.
        rows: cells → rows of the images they are of.
        draws: cells → (n, 3) draws that change them; None: they are shown as they are.
    """

    store: FeatureStore
    rows: Callable[[np.ndarray], np.ndarray]
    draws: Callable[[np.ndarray], np.ndarray] | None = None


class BehindFrozenPrefix:
    """Trains what follows the frozen layers, on their features.

    Args:
        images: Pixels and split.
        prefix: The frozen layers, and the suffix behind them.
        kept: What is kept of each kind: `validation` and `unaugmented` by row, `bank` by position · K + copy.
        bank: K; None: there is none.
        batch_size: Images.
    """

    def __init__(
        self,
        images: SplitImages,
        prefix: FrozenPrefix,
        kept: Mapping[str, KeptFeatures],
        bank: int | None,
        batch_size: int,
    ):
        self.images, self.prefix, self.kept, self.bank, self.batch_size = images, prefix, kept, bank, batch_size
        self.model: keras.Model = prefix.suffix

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return the features of an epoch's images; those that are missing and will be kept are computed first."""
        begin = epoch.first_batch * epoch.batch_size
        for kind, chosen, cells in self.places(epoch):
            self._fill(kind, cells[chosen >= begin])
        return FeatureFeed(epoch, self)

    def places(self, epoch: Epoch) -> list[tuple[str, np.ndarray, np.ndarray]]:
        """Return, of each kind that is kept, which showings (n,) are of it and their cells (n,)."""
        copies = epoch.showings.copies
        as_they_are, of_bank = np.flatnonzero(copies == AS_IT_IS), np.flatnonzero(copies >= 0)
        found = []
        if "unaugmented" in self.kept:
            found.append(("unaugmented", as_they_are, epoch.rows[as_they_are]))
        if "bank" in self.kept and self.bank:
            found.append(("bank", of_bank, epoch.showings.positions[of_bank] * self.bank + copies[of_bank]))
        return found

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Predict from features of images as they are."""
        if "validation" in self.kept:
            self._fill("validation", rows)
        logits = self.model.predict(InferenceFeatures(self, rows), verbose=0)
        return np.asarray(logits, dtype=np.float64)[: len(rows)]

    def features_as_they_are(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, …) features of images as they are: kept ones, or else computed."""
        features = np.empty((len(rows), *self.prefix.shape), self.prefix.dtype)
        held = np.zeros(len(rows), dtype=bool)
        if "validation" in self.kept:
            store = self.kept["validation"].store
            held = store.holds(rows)
            features[held] = store.take(rows[held])
        if not held.all():
            features[~held] = self.computed(rows[~held], None)
        return features

    def computed(self, rows: np.ndarray, draws: np.ndarray | None) -> np.ndarray:
        """Return (n, …) features of images, changed by (n, 3) draws where there are any."""
        padded = np.resize(np.arange(len(rows)), _next_quarter(len(rows), self.batch_size))  # few shapes to compile for
        changes = None if draws is None else draws[padded]
        return self.prefix.features(self.images.batch(rows[padded]), changes)[: len(rows)]

    def close(self) -> None:
        """Let go of the files."""
        for store in {id(kept.store): kept.store for kept in self.kept.values()}.values():
            store.close()

    def _fill(self, kind: str, cells: np.ndarray) -> None:
        """Compute and keep what is missing."""
        kept = self.kept[kind]
        missing = kept.store.missing(cells)
        if not len(missing) or kept.store.full:
            return
        begins = range(0, len(missing), COMPUTED_AT_ONCE)
        said = f"Frozen layers to {self.prefix.cut.name}: {len(missing)} images ({kind})"
        log.debug(said)
        for begin in track(begins, said, disable=len(missing) < WORTH_A_BAR, transient=True):
            chunk = missing[begin : begin + COMPUTED_AT_ONCE]
            padded = np.resize(chunk, COMPUTED_AT_ONCE)
            draws = None if kept.draws is None else kept.draws(padded)
            features = self.prefix.features(self.images.batch(kept.rows(padded)), draws)
            kept.store.put(chunk, features[: len(chunk)])


class FeatureFeed(EpochFeed):
    """Batches of an epoch whose inputs are features, (n, …) as they cross the cut.

    TensorFlow never lets go of what it was fed from: were the stage held, every network of every run would stay.

    Args:
        epoch: To be fed.
        stage: Where features are looked up.
    """

    def __init__(self, epoch: Epoch, stage: BehindFrozenPrefix):
        super().__init__(epoch)
        self.stage = proxy(stage)
        self.cells = np.full(len(epoch.rows), -1)
        self.stores: dict[str, np.ndarray] = {}
        for kind, chosen, cells in stage.places(epoch):
            self.cells[chosen] = np.where(stage.kept[kind].store.holds(cells), cells, -1)
            self.stores[kind] = chosen

    def inputs(self, batch: slice) -> np.ndarray:
        """Return kept features where there are any; compute the others."""
        numbers = np.arange(len(self.cells))[batch]
        features = np.empty((len(numbers), *self.stage.prefix.shape), self.stage.prefix.dtype)
        held = self.cells[numbers] >= 0
        for kind, chosen in self.stores.items():
            own = held & np.isin(numbers, chosen, assume_unique=True)
            features[own] = self.stage.kept[kind].store.take(self.cells[numbers[own]])
        fresh = numbers[~held]
        if len(fresh):
            features[~held] = self.stage.computed(self.epoch.rows[fresh], self.epoch.showings.draws[fresh])
        return features


class InferenceFeatures(keras.utils.PyDataset):
    """Features of images as they are, in order of their rows; the last batch is filled up with its last image.

    Args:
        stage: Where features are looked up.
        rows: Of the images.
    """

    def __init__(self, stage: BehindFrozenPrefix, rows: np.ndarray):
        super().__init__(workers=1, use_multiprocessing=False)
        self.stage, self.rows = proxy(stage), rows

    def __len__(self) -> int:
        return batches_per_epoch(len(self.rows), self.stage.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray]:
        places = np.arange(index * self.stage.batch_size, (index + 1) * self.stage.batch_size)
        return (self.stage.features_as_they_are(self.rows[np.minimum(places, len(self.rows) - 1)]),)


def _next_quarter(images: int, batch_size: int) -> int:
    """Return the next multiple of a quarter of a batch."""
    quarter = max(1, batch_size // 4)
    return -(-images // quarter) * quarter
