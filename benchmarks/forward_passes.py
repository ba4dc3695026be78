"""Count the operations of the forced schedule: the least time that a cache of frozen layers can leave.

    PYTHONPATH=src python benchmarks/forward_passes.py [--images 640]

No image is read. The unit is a forward pass of all training images through MobileNet; a backward pass counts as two
forward passes. Operations are those of `models/layer_costs.py`, samples those of the project's own samplers. Printed
per bank: passes of frozen layers, passes of training layers, and passes without a cache.
"""

import argparse
from typing import NamedTuple

import numpy as np

from forced_run import SEED
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.layer_costs import cost_of
from lung_cxr.parameters import AugmentationParameters, BackboneParameters
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler, EpochSamples
from lung_cxr.training.data.sampling import SamplingOrder
from made_up_study import class_counts_of
from plain_keras import SCHEDULE
from training import settings

BATCH_SIZE = 32
BACKWARD = 2  # forward passes


class Passes(NamedTuple):
    """Forward passes of all training images."""

    frozen: float
    training: float
    without_cache: float


def frozen_shares() -> np.ndarray:
    """Return (L + 1,): share of a forward pass in the frozen groups when m = 0…L groups train."""
    block = settings("backbones")["backbones"]["mobilenet"] | {"weights": None}
    groups = build_classifier(BackboneParameters(**block), dropout=0.0, head="gap", seed=SEED).groups
    flops = np.array([cost_of(group).flops for group in groups])
    return 1 - np.concatenate([[0], flops[::-1].cumsum()]) / flops.sum()


def count(labels: np.ndarray, validation: int, bank: int | None, frozen: np.ndarray, kept: bool = False) -> Passes:
    """Count the passes of the schedule.

    Args:
        labels: (N,) class of each training image.
        validation: Number of validation images.
        bank: Copies of each image; None: fresh augmentation.
        frozen: Share of the frozen groups, from `frozen_shares`.
        kept: Count one bank for all stages, with the features at all later split points stored in one pass.
    """
    augmentation = AugmentationParameters(**settings("training")["training"]["augmentation"] | {"bank": bank})
    sampler = AugmentationSampler(augmentation, labels, SEED)
    order = SamplingOrder(labels, "balanced", BATCH_SIZE, SEED)
    passes, first, seen = np.zeros(3), 1, set[tuple[int, int]]()
    for stage, (m, epochs) in enumerate(SCHEDULE):
        before, fresh, samples = set(seen) if kept else set[tuple[int, int]](), 0, 0
        seen = set(before)
        for epoch in range(first, first + epochs):
            shown: EpochSamples = sampler.samples_of_epoch(order.of_epoch(epoch), epoch, stage)
            repeated = shown.copies >= -1
            seen |= set(zip(shown.positions[repeated].tolist(), shown.copies[repeated].tolist(), strict=True))
            fresh, samples = fresh + int((~repeated).sum()), samples + len(shown)
        first += epochs
        filled = len(seen) - len(before) + fresh + (0 if kept and stage else validation)
        validated = epochs * validation
        behind = (1 - frozen[m]) * ((1 + BACKWARD) * samples + validated)
        passes += (frozen[m] * filled, behind, frozen[m] * (samples + validated) + behind)
    return Passes(*(passes / len(labels)).tolist())


def main() -> None:
    """Print the passes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=640, help="training images; an eighth more for validation")
    images: int = parser.parse_args().images
    counts, frozen = list(class_counts_of(images).values()), frozen_shares()
    for bank, kept in ((None, False), (4, False), (8, False), (4, True), (8, True)):
        passes = count(np.repeat(np.arange(len(counts)), counts), images // 8, bank, frozen, kept)
        print(f"bank {bank}{', kept' * kept}:", *(f"{name} {n:.1f}" for name, n in passes._asdict().items()))


if __name__ == "__main__":
    main()
