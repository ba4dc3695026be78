"""Choose the split point and the cached images of a stage: estimated seconds from shapes, budgets and repetition.

The estimate need not be exact. Reading a feature costs far less than the forward pass of a deep network, so most
decisions are clear. The model serves the other cases: early, large feature maps, a slow disk, a full budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lung_cxr.models.layer_costs import Cost, bytes_of, cost_of
from lung_cxr.parameters import FrozenPrefixParameters
from lung_cxr.training.frozen.feature_cache import GIB
from lung_cxr.training.frozen.split_point import SplitPoint


@dataclass(frozen=True)
class Machine:
    """Orders of magnitude of a machine, per second.

    Attributes:
        flops: Floating-point operations in convolutions.
        traffic: Bytes between the training processor and its memory.
        memory: Bytes of cached features from main memory to the training processor.
        disk: Bytes of cached features from disk to the training processor.
    """

    flops: float
    traffic: float
    memory: float
    disk: float

    def seconds(self, cost: Cost) -> float:
        """Return the time of a forward pass."""
        return cost.flops / self.flops + cost.traffic / self.traffic


CPU = Machine(flops=1e11, traffic=1e10, memory=4e9, disk=3e8)  # two cores of a hospital's PC, a SATA SSD
GPU = Machine(flops=5e13, traffic=1e12, memory=1e10, disk=1e9)  # features cross PCIe, from an NVMe SSD


@dataclass(frozen=True)
class Demand:
    """Images of one kind in a stage.

    Attributes:
        kind: `validation`, `unaugmented` or `bank`.
        slots: Number of different images; each would take one slot of the cache.
        per_epoch: Expected number of uses in one epoch.
    """

    kind: str
    slots: int
    per_epoch: float


@dataclass(frozen=True)
class Plan:
    """Split point and cached images of a stage.

    Attributes:
        split_point: Place of the cut.
        cached: Kinds of images whose features are cached.
        size: Bytes of all cached features.
        seconds: Estimated time of the frozen layers in one epoch with a full cache.
        seconds_uncached: Estimated time of the frozen layers in one epoch without a cache.
    """

    split_point: SplitPoint
    cached: frozenset[str]
    size: int
    seconds: float
    seconds_uncached: float


def choose_plan(
    split_points: Sequence[SplitPoint],
    demands: Sequence[Demand],
    unrepeated: float,
    budget: FrozenPrefixParameters,
    machine: Machine,
) -> Plan | None:
    """Return the plan with the least estimated time, or None if caching saves no time.

    Args:
        split_points: Split points with only frozen layers before them, shallow to deep; the last ends the frozen part.
        demands: Images that could be cached, the most frequently used first.
        unrepeated: Images in an epoch that never return.
        budget: Limits of the cache.
        machine: Speeds of the machine that trains.
    """
    plans = [_plan(point, split_points[-1], demands, unrepeated, budget, machine) for point in split_points]
    useful = [plan for plan in plans if plan.cached and plan.seconds < plan.seconds_uncached]
    return min(useful, key=lambda plan: plan.seconds, default=None)


def _plan(
    point: SplitPoint,
    end: SplitPoint,
    demands: Sequence[Demand],
    unrepeated: float,
    budget: FrozenPrefixParameters,
    machine: Machine,
) -> Plan:
    """Cache the images that fit and pay at one split point; frozen layers behind it run for every image."""
    all_frozen, before = machine.seconds(cost_of(end.layers)), machine.seconds(cost_of(point.layers))
    slot, cached, size = bytes_of(point.tensor), set(), 0
    for demand in demands:
        if size + demand.slots * slot <= budget.disk_gib * GIB and demand.per_epoch > 0:
            cached.add(demand.kind)
            size += demand.slots * slot
    rate = machine.memory if size <= budget.memory_gib * GIB else machine.disk
    read = slot / rate
    seconds = unrepeated * all_frozen
    for demand in demands:
        pays = demand.kind in cached and 2 * read < before  # one write and one read: the least cost of caching
        cached -= set() if pays else {demand.kind}
        seconds += demand.per_epoch * (read + all_frozen - before if pays else all_frozen)
    uncached = (unrepeated + sum(demand.per_epoch for demand in demands)) * all_frozen
    return Plan(point, frozenset(cached), size, seconds, uncached)
