"""Where to cut, and what to keep there: a small model of seconds from shapes, budgets and how often images come again.

It need not be right to the second. A read costs far less than a deep network's forward pass, so that most decisions are
clear; the model is there for the others: early, large feature maps, a slow disk, a full budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lung_cxr.models.layer_costs import Cost, bytes_of, cost_of
from lung_cxr.parameters import FrozenPrefixParameters
from lung_cxr.training.frozen.feature_cache import GIB
from lung_cxr.training.frozen.split_point import Cut


@dataclass(frozen=True)
class Machine:
    """Orders of magnitude of a machine, per second.

    Attributes:
        flops: Floating-point operations in convolutions.
        traffic: Bytes between the processor that trains and its memory.
        memory: Bytes of kept features to that processor, from main memory.
        disk: The same, from a disk.
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
    """Images of one kind that a stage shows.

    Attributes:
        kind: `validation`, `unaugmented` or `bank`.
        cells: Different ones; each would be kept once.
        showings: In one epoch, expected.
    """

    kind: str
    cells: int
    showings: float


@dataclass(frozen=True)
class Plan:
    """What a stage keeps.

    Attributes:
        cut: Where the network is cut.
        kept: Kinds of images whose features are kept.
        size: Bytes of all of them.
        seconds: Estimated for the frozen part of one epoch once all is kept.
        seconds_uncut: The same without keeping anything.
    """

    cut: Cut
    kept: frozenset[str]
    size: int
    seconds: float
    seconds_uncut: float


def choose_plan(
    cuts: Sequence[Cut],
    demands: Sequence[Demand],
    fresh_showings: float,
    budget: FrozenPrefixParameters,
    machine: Machine,
) -> Plan | None:
    """Return the plan with the least estimated time, or None where the network is better left whole.

    Args:
        cuts: Places that the frozen part allows, shallow to deep; the last one ends it.
        demands: What could be kept, the most often shown first.
        fresh_showings: Images in an epoch that are never shown again.
        budget: How much may be kept.
        machine: That computes.
    """
    plans = [_plan(cut, cuts[-1], demands, fresh_showings, budget, machine) for cut in cuts]
    useful = [plan for plan in plans if plan.kept and plan.seconds < plan.seconds_uncut]
    return min(useful, key=lambda plan: plan.seconds, default=None)


def _plan(
    cut: Cut,
    end: Cut,
    demands: Sequence[Demand],
    fresh_showings: float,
    budget: FrozenPrefixParameters,
    machine: Machine,
) -> Plan:
    """Keep at one cut what fits and is worth it; the frozen layers behind the cut run for every image."""
    whole, before = machine.seconds(cost_of(end.layers)), machine.seconds(cost_of(cut.layers))
    cell, kept, size = bytes_of(cut.tensor), set(), 0
    for demand in demands:
        if size + demand.cells * cell <= budget.disk_gib * GIB and demand.showings > 0:
            kept.add(demand.kind)
            size += demand.cells * cell
    rate = machine.memory if size <= budget.memory_gib * GIB else machine.disk
    read = cell / rate
    seconds = fresh_showings * whole
    for demand in demands:
        worth = demand.kind in kept and 2 * read < before  # written once, read once: the least that keeping costs
        kept -= set() if worth else {demand.kind}
        seconds += demand.showings * (read + whole - before if worth else whole)
    uncut = (fresh_showings + sum(demand.showings for demand in demands)) * whole
    return Plan(cut, frozenset(kept), size, seconds, uncut)
