"""Decisions of the cost model, on made-up networks: no training."""

from types import SimpleNamespace

import pytest

from lung_cxr.models.layer_costs import Cost, bytes_of, cost_of
from lung_cxr.parameters import FrozenPrefixParameters
from lung_cxr.training.frozen.cost_model import Demand, Machine, choose_plan
from lung_cxr.training.frozen.split_point import SplitPoint

MACHINE = Machine(flops=1e11, traffic=1e10, memory=4e9, disk=3e8)
VALIDATION, UNAUGMENTED, BANK = (
    Demand("validation", 120, 120),
    Demand("unaugmented", 342, 137),
    Demand("bank", 2464, 823),
)
ROOMY = FrozenPrefixParameters(disk_gib=20, memory_gib=4)


def convolution(side, channels_in, channels_out, kernel=3):
    return SimpleNamespace(
        input=tensor(side, side, channels_in),
        output=tensor(side, side, channels_out),
        weights=[
            SimpleNamespace(shape=(kernel, kernel, channels_in, channels_out)),
            SimpleNamespace(shape=(channels_out,)),
        ],
    )


def tensor(*shape, dtype="float32"):
    return SimpleNamespace(shape=(None, *shape), dtype=dtype)


def points_of(*layers):
    return [SplitPoint(f"group {i + 1}", list(layers[: i + 1]), layer.output) for i, layer in enumerate(layers)]


HEAVY_THEN_SMALL = points_of(convolution(112, 64, 64), convolution(28, 64, 128), convolution(14, 128, 128))


def test_the_cost_of_a_convolution_is_counted_from_its_shapes():
    layer = convolution(14, 8, 16)
    assert cost_of([layer]) == Cost(flops=2 * 9 * 8 * 16 * 14 * 14, traffic=4 * 14 * 14 * (8 + 16))
    assert bytes_of(tensor(7, 7, 10, dtype="bfloat16")) == 980


def test_everything_is_cached_at_the_end_of_the_frozen_part_if_it_fits():
    plan = choose_plan(HEAVY_THEN_SMALL, [VALIDATION, UNAUGMENTED, BANK], 0, ROOMY, MACHINE)
    assert plan.split_point.name == "group 3"
    assert plan.cached == {"validation", "unaugmented", "bank"}
    assert plan.size == (120 + 342 + 2464) * 14 * 14 * 128 * 4
    assert plan.seconds < 0.05 * plan.seconds_uncached


def test_the_most_used_images_are_cached_first_if_room_is_short():
    room = (120 + 342 + 10) * 14 * 14 * 128 * 4 / 2**30
    plan = choose_plan(
        HEAVY_THEN_SMALL,
        [VALIDATION, UNAUGMENTED, BANK],
        0,
        FrozenPrefixParameters(disk_gib=room, memory_gib=4),
        MACHINE,
    )
    assert plan.cached == {"validation", "unaugmented"}


def test_with_fresh_draws_only_repeated_images_are_cached():
    plan = choose_plan(HEAVY_THEN_SMALL, [VALIDATION, UNAUGMENTED], 823, ROOMY, MACHINE)
    assert plan.cached == {"validation", "unaugmented"}
    assert plan.seconds > 0.7 * plan.seconds_uncached


def test_large_maps_of_a_cheap_layer_are_not_worth_reading_from_disk_but_from_memory():
    stem = points_of(convolution(112, 3, 32, kernel=7))
    on_disk = FrozenPrefixParameters(disk_gib=20, memory_gib=0)
    assert choose_plan(stem, [VALIDATION, UNAUGMENTED, BANK], 0, on_disk, MACHINE) is None
    roomy = FrozenPrefixParameters(disk_gib=20, memory_gib=20)
    assert choose_plan(stem, [VALIDATION, UNAUGMENTED, BANK], 0, roomy, MACHINE).split_point.name == "group 1"


def test_an_earlier_smaller_map_is_taken_where_the_last_one_does_not_fit():
    narrow = points_of(convolution(56, 64, 64), convolution(56, 64, 8, kernel=1), convolution(56, 8, 256, kernel=1))
    room = 1.1 * (120 + 342 + 2464) * 56 * 56 * 8 * 4 / 2**30
    plan = choose_plan(
        narrow, [VALIDATION, UNAUGMENTED, BANK], 0, FrozenPrefixParameters(disk_gib=room, memory_gib=4), MACHINE
    )
    assert plan.split_point.name == "group 2"
    assert plan.cached == {"validation", "unaugmented", "bank"}


@pytest.mark.parametrize("gib", [0, 1e-9])
def test_without_room_the_network_stays_whole(gib):
    budget = FrozenPrefixParameters(disk_gib=gib, memory_gib=4)
    assert choose_plan(HEAVY_THEN_SMALL, [VALIDATION, UNAUGMENTED, BANK], 0, budget, MACHINE) is None
