"""Opens a stage: behind its frozen prefix where that pays, or else the whole network."""

import logging

import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.class_weights import class_counts, sampling_shares
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.data.sampling import AugmentationDraws, batches_per_epoch
from lung_cxr.training.frozen.cached_stage import BehindFrozenPrefix, KeptFeatures
from lung_cxr.training.frozen.cost_model import CPU, GPU, Demand, Plan, choose_plan
from lung_cxr.training.frozen.feature_cache import GIB, FeatureFolder
from lung_cxr.training.frozen.split_point import FrozenPrefix, frozen_cuts
from lung_cxr.training.run.environment import on_gpu

log = logging.getLogger(__name__)


def stage_behind_frozen_prefix(
    classifier: Classifier,
    images: SplitImages,
    draws: AugmentationDraws,
    training: TrainingParameters,
    stage: int,
    folder: FeatureFolder,
) -> BehindFrozenPrefix | None:
    """Return the stage that trains on kept features, or None where the network is better left whole.

    Args:
        classifier: What its strategy opens is open, all else frozen.
        images: Pixels and split.
        draws: Of the run.
        training: Sampling, batch size, bank.
        stage: Unfreezings so far.
        folder: Where features are kept.
    """
    cuts = frozen_cuts(classifier)
    if not cuts or not folder.budget.disk_gib:
        return None
    demands, fresh = demands_of_stage(images, draws, training)
    plan = choose_plan(cuts, demands, fresh, folder.budget, GPU if on_gpu() else CPU)
    if plan is None:
        return None
    log.info(
        "Frozen layers to %s are computed once for: %s (at most %.2f GiB)",
        plan.cut.name,
        ", ".join(sorted(plan.kept)),
        plan.size / GIB,
    )
    prefix = FrozenPrefix(classifier, plan.cut)
    kept = _open_stores(plan, prefix, images, draws, stage, folder)
    return BehindFrozenPrefix(images, prefix, kept, training.augmentation.bank, training.batch_size)


def demands_of_stage(
    images: SplitImages, draws: AugmentationDraws, training: TrainingParameters
) -> tuple[list[Demand], float]:
    """Return what could be kept, the most often shown first, and the showings of an epoch that never come again."""
    counts = class_counts(draws.labels)
    shown = batches_per_epoch(len(draws.labels), training.batch_size) * training.batch_size
    shares = sampling_shares(counts, training.sampling)
    augmented, bank = draws.augmented, training.augmentation.bank
    validation = len(images.rows("validation"))
    demands = [
        Demand("validation", validation, validation),
        Demand("unaugmented", int(counts[~augmented].sum()), shown * float(shares[~augmented].sum())),
    ]
    of_augmented = shown * float(shares[augmented].sum())
    if bank is None:
        return demands, of_augmented
    return [*demands, Demand("bank", int(counts[augmented].sum()) * bank, of_augmented)], 0.0


def _open_stores(
    plan: Plan, prefix: FrozenPrefix, images: SplitImages, draws: AugmentationDraws, stage: int, folder: FeatureFolder
) -> dict[str, KeptFeatures]:
    """Open what is kept by row and by copy; make room for it first."""
    folder.make_room(plan.size)
    key = prefix.sha256()
    kept: dict[str, KeptFeatures] = {}
    if plan.kept & {"validation", "unaugmented"}:
        store = folder.open(key, "images", (), len(images.split), prefix.shape, prefix.dtype)
        of_images = KeptFeatures(store, rows=lambda cells: cells)
        kept |= dict.fromkeys(sorted(plan.kept & {"validation", "unaugmented"}), of_images)
    if "bank" in plan.kept:
        K, train_rows, bank = draws.parameters.bank or 1, images.rows("train"), draws.bank_of_stage(stage)
        facts = (draws.seed, stage, draws.parameters.model_dump_json())
        store = folder.open(key, "bank", facts, len(train_rows) * K, prefix.shape, prefix.dtype)
        kept["bank"] = KeptFeatures(
            store,
            rows=lambda cells: train_rows[cells // K],
            draws=lambda cells: bank[cells // K, cells % K].astype(np.float32),
        )
    return kept
