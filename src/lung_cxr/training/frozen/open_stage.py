"""Open a stage behind its frozen prefix if caching saves time."""

import hashlib
import logging
from dataclasses import dataclass

import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.models.layer_costs import bytes_of
from lung_cxr.parameters import Sampling, TrainingParameters
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.class_weights import class_counts, sampling_shares
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.data.sampling import batches_per_epoch
from lung_cxr.training.frozen.cached_stage import CachedFeatures, CachedStage
from lung_cxr.training.frozen.cost_model import CPU, GPU, Demand, Plan, choose_plan
from lung_cxr.training.frozen.feature_cache import GIB, FeatureFolder
from lung_cxr.training.frozen.split_point import FrozenPrefix, frozen_split_points
from lung_cxr.training.run.environment import on_gpu

log = logging.getLogger(__name__)


def open_cached_stage(
    classifier: Classifier,
    images: SplitImages,
    draws: AugmentationSampler,
    training: TrainingParameters,
    sampling: Sampling,
    stage: int,
    folder: FeatureFolder | None,
) -> CachedStage | None:
    """Return the stage that trains on cached features, or None if caching saves no time (on a GPU: with fresh draws).

    Args:
        classifier: Classifier with the layers of its strategy unfrozen and all others frozen.
        images: Pixels and split.
        draws: Augmentation of the run.
        training: Batch size, bank.
        sampling: Sampling of the stage.
        stage: Number of unfreezings so far.
        folder: Folder of the cache; None: no cache.
    """
    if folder is None or not folder.budget.disk_gib:
        return None
    split_points = frozen_split_points(classifier)
    if not split_points:
        return None
    demands, unrepeated = demands_of_stage(images, draws, training, sampling)
    gpu = on_gpu()
    if gpu and unrepeated:
        # Copies that never return need one more call of the GPU in each step: an epoch of MobileNet took 0.94 s with
        # cached frozen layers at m = 0, and 0.59 s as a whole network at m = 9 (docs/results/gpu.md).
        return None
    plan = choose_plan(split_points, demands, unrepeated, folder.budget, GPU if gpu else CPU)
    if plan is None:
        return None
    log.info(
        "Caching the output of the frozen layers to %s for: %s (at most %.2f GiB)",
        plan.split_point.name,
        ", ".join(sorted(plan.cached)),
        plan.size / GIB,
    )
    prefix = FrozenPrefix(classifier, plan.split_point)
    cached = _open_stores(plan, prefix, images, draws, stage, folder)
    return CachedStage(images, prefix, cached, training.augmentation.bank, training.batch_size)


@dataclass(frozen=True)
class Copies:
    """One augmented copy of every image.

    Attributes:
        draws: (N, 3) float32 augmentation parameters.
        facts: Facts that determine the parameters; key of the cache.
    """

    draws: np.ndarray
    facts: tuple[object, ...]


def image_features(
    images: SplitImages,
    prefix: FrozenPrefix,
    folder: FeatureFolder | None,
    batch_size: int,
    rows: np.ndarray,
    copies: Copies | None = None,
) -> np.ndarray:
    """Return (n, …) features of (n,) rows, cached with one slot per image of the split.

    Args:
        images: Pixels and split.
        prefix: The frozen layers.
        folder: Folder of the cache; None: no cache.
        batch_size: Images.
        rows: Rows of the split; none: (0, …) features.
        copies: Augmented copies whose features are returned; None: the unchanged images.
    """
    cached, draws = {}, None if copies is None else copies.draws
    if folder is not None and folder.budget.disk_gib:
        folder.make_room(len(images.split) * bytes_of(prefix.split_point.tensor))
        cached["rows"] = _cached_images(prefix, prefix.sha256(), images, folder, copies)
    stage = CachedStage(images, prefix, cached, None, batch_size)
    if cached:
        stage.fill("rows", rows)
    batches = np.split(rows, range(batch_size, len(rows), batch_size))
    features = [stage.features_of("rows", batch, None if draws is None else draws[batch]) for batch in batches]
    stage.close()
    return np.concatenate(features)


def demands_of_stage(
    images: SplitImages, draws: AugmentationSampler, training: TrainingParameters, sampling: Sampling
) -> tuple[list[Demand], float]:
    """Return the images that could be cached, the most used first, and the images per epoch that never return."""
    counts = class_counts(draws.labels)
    per_epoch = batches_per_epoch(len(draws.labels), training.batch_size) * training.batch_size
    shares = sampling_shares(counts, sampling)
    augmented, bank, unchanged = draws.augmented, training.augmentation.bank, training.augmentation.unchanged_share
    validation = len(images.rows("validation"))
    also_unchanged = counts > 0 if unchanged else ~augmented  # classes with images that are shown unchanged
    of_augmented = per_epoch * float(shares[augmented].sum()) * (1 - unchanged)
    demands = [
        Demand("validation", validation, validation),
        Demand("unaugmented", int(counts[also_unchanged].sum()), per_epoch - of_augmented),
    ]
    if bank is None:
        return demands, of_augmented
    return [*demands, Demand("bank", int(counts[augmented].sum()) * bank, of_augmented)], 0.0


def _open_stores(
    plan: Plan, prefix: FrozenPrefix, images: SplitImages, draws: AugmentationSampler, stage: int, folder: FeatureFolder
) -> dict[str, CachedFeatures]:
    """Make room, then open the stores of the plan: one slot per image, or one per copy of the bank."""
    folder.make_room(plan.size)
    key = prefix.sha256()
    cached: dict[str, CachedFeatures] = {}
    if plan.cached & {"validation", "unaugmented"}:
        of_images = _cached_images(prefix, key, images, folder)
        cached |= dict.fromkeys(sorted(plan.cached & {"validation", "unaugmented"}), of_images)
    if "bank" in plan.cached:
        K, train_rows, bank = draws.parameters.bank or 1, images.rows("train"), draws.bank_of_stage(stage)
        ranges = draws.parameters.model_dump_json(exclude={"unchanged_share"})  # the copies exist, shown or not
        facts = (draws.seed, stage, ranges, hashlib.sha256(train_rows.data).hexdigest())
        store = folder.open(key, "bank", facts, len(train_rows) * K, prefix.shape, prefix.dtype)
        cached["bank"] = CachedFeatures(
            store,
            rows=lambda slots: train_rows[slots // K],
            draws=lambda slots: bank[slots // K, slots % K].astype(np.float32),
        )
    return cached


def _cached_images(
    prefix: FrozenPrefix, key: str, images: SplitImages, folder: FeatureFolder, copies: Copies | None = None
) -> CachedFeatures:
    """Open the store with one slot per row, of the images or of one copy of each."""
    kind, facts = ("images", ()) if copies is None else ("copies", copies.facts)
    store = folder.open(key, kind, facts, len(images.split), prefix.shape, prefix.dtype)
    draws = None if copies is None else copies.draws
    return CachedFeatures(store, rows=lambda slots: slots, draws=None if draws is None else lambda slots: draws[slots])
