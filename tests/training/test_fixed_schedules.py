import pytest

from lung_cxr.contracts import HISTORY_EVENTS
from lung_cxr.training.strategies.crt import CrtSchedule
from lung_cxr.training.strategies.dynamic import DynamicSchedule
from lung_cxr.training.strategies.gradual import GradualSchedule
from lung_cxr.training.strategies.lp_ft import LpFtSchedule
from lung_cxr.training.strategies.registry import STRATEGIES, strategy_of
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.two_stage import TwoStageSchedule

SHARED = {"max_epochs": 20, "initial_learning_rate": 1e-3, "stop_patience": 2}


def fixed(**changes):
    return FixedSchedule(**{**SHARED, "max_epochs": 10, **changes})


def head_first(**changes):
    return TwoStageSchedule(**{**SHARED, "head_patience": 2, "head_epochs": None, "layer_groups": 7, **changes})


def planned(**changes):
    return GradualSchedule(**{**SHARED, "step": 3, "every": 2, "layer_groups": 7, **changes})


def new_head(**changes):
    stages = {"representation_patience": 2, "representation_epochs": 9, "unfrozen_groups": 7}
    return CrtSchedule(**{**SHARED, **stages, **changes})


def events(schedule, losses):
    return [schedule.on_epoch_end(loss).event for loss in losses]


def test_fixed_depth_stops_when_patience_runs_out():
    assert events(fixed(), [1.0, 2.0, 0.9, 2.0, 2.0]) == ["", "", "", "", "stop:plateau"]


def test_fixed_depth_without_patience_goes_on_to_n():
    assert events(fixed(stop_patience=None, max_epochs=5), [1.0] * 5) == [*[""] * 4, "stop:budget"]


def test_a_plateau_in_the_last_epoch_is_a_plateau():
    assert events(fixed(max_epochs=3), [1.0, 2.0, 2.0])[-1] == "stop:plateau"


def test_fixed_depth_keeps_depth_and_learning_rate():
    schedule = fixed(stop_patience=None)
    made = [schedule.on_epoch_end(loss) for loss in [1.0, 2.0, 3.0]]
    assert {(d.unfrozen_groups, d.learning_rate, d.restore_best_weights) for d in made} == {(0, 1e-3, False)}


def test_the_head_comes_first_until_its_patience_runs_out_then_everything_from_its_best():
    schedule = head_first()
    made = [schedule.on_epoch_end(loss) for loss in [1.0, 1.1, 1.2, 1.1, 0.9, 1.0, 1.0]]
    assert [d.event for d in made] == ["", "", "unfreeze", "", "", "", "stop:plateau"]
    assert [d.unfrozen_groups for d in made] == [0, 0, *[7] * 5]
    assert [d.restore_best_weights for d in made] == [False, False, True, False, False, False, True]
    assert {d.learning_rate for d in made} == {1e-3}


@pytest.mark.parametrize(
    ("changes", "unfreezes_after"),
    [
        ({"head_epochs": 3}, 3),  # while the loss still falls
        ({"head_patience": None, "head_epochs": 4}, 4),
        ({"head_patience": None, "head_epochs": 1}, 1),
    ],
)
def test_the_heads_stage_ends_after_its_epochs(changes, unfreezes_after):
    found = events(head_first(**changes), [1 / epoch for epoch in range(1, 7)])
    assert found == ["unfreeze" if epoch == unfreezes_after else "" for epoch in range(1, 7)]


def test_the_plan_unfreezes_whatever_the_loss_does_and_goes_on_from_where_it_is():
    for losses in ([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.4]):
        schedule = planned()
        made = [schedule.on_epoch_end(loss) for loss in losses]
        assert [d.event for d in made] == ["", "unfreeze", "", "unfreeze", "", "unfreeze", ""]
        assert [d.unfrozen_groups for d in made] == [0, 3, 3, 6, 6, 7, 7]
        assert not any(d.restore_best_weights for d in made)
        assert {d.learning_rate for d in made} == {1e-3}


@pytest.mark.parametrize("schedule", [planned(), head_first(head_patience=None, head_epochs=6)])
def test_patience_to_stop_counts_from_the_last_planned_unfreezing(schedule):
    assert events(schedule, [1.0] + [2.0] * 7)[5:] == ["unfreeze", "", "stop:plateau"]


def test_the_end_of_every_plan_restores_the_best():
    schedule = planned(max_epochs=5)
    assert [schedule.on_epoch_end(loss).restore_best_weights for loss in [1.0] * 5] == [False] * 4 + [True]


@pytest.mark.parametrize("make", [fixed, head_first, planned, new_head])
def test_the_budget_and_lost_networks_end_every_plan(make):
    assert events(make(max_epochs=1), [1.0]) == ["stop:budget"]
    assert events(make(stop_patience=None, max_epochs=20), [float("nan")] * 3)[-1] == "stop:nan"
    assert set(events(make(stop_patience=None, max_epochs=20), [1.0] * 20)) <= set(HISTORY_EVENTS)


@pytest.mark.parametrize("make", [fixed, head_first, planned, new_head])
def test_from_a_saved_state_a_plan_goes_on_as_if_nothing_had_happened(make):
    losses = [1.0, 1.1, 1.2, 0.9, 1.0, 0.8, 0.9, 0.7, 0.8]
    whole = make(stop_patience=5)
    undisturbed = [whole.on_epoch_end(loss) for loss in losses]
    for cut in range(len(losses)):
        before, after = make(stop_patience=5), make(stop_patience=5)
        made = [before.on_epoch_end(loss) for loss in losses[:cut]]
        after.restore(before.state())
        assert made + [after.on_epoch_end(loss) for loss in losses[cut:]] == undisturbed


def test_the_current_patience_is_that_of_the_stage():
    head, plan = head_first(head_patience=1, stop_patience=4), planned(every=1, step=7)
    assert (head.current_patience, plan.current_patience) == (1, None)
    events(head, [1.0, 1.0])
    events(plan, [1.0])
    assert (head.current_patience, plan.current_patience) == (4, 2)


def test_a_head_stage_without_an_end_is_refused(strategy_parameters):
    with pytest.raises(ValueError, match="head_patience and head_epochs are both null"):
        strategy_parameters("two_stage", head_patience=None, head_epochs=None)


@pytest.mark.parametrize(
    ("name", "depths"),
    [("linear_probe", [0] * 4), ("full", [14] * 4), ("two_stage", [0, 14, 14, 14]), ("gradual", [0, 7, 14, 14])],
)
def test_how_deep_each_baseline_goes_by_plan(name, depths, strategy_parameters, backbone, training_parameters):
    schedule = strategy_of(strategy_parameters(name, stop_patience=9).root, backbone).schedule(
        14, training_parameters(max_epochs=9)
    )
    found = []
    for loss in (4.0, 3.0, 2.0, 1.0):
        found.append(schedule.unfrozen_groups)
        schedule.on_epoch_end(loss)
    assert found == depths


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_of_the_grid_has_parameters_and_a_class(
    name, strategy_parameters, backbone, training_parameters
):
    strategy = strategy_of(strategy_parameters(name).root, backbone)
    schedule = strategy.schedule(14, training_parameters())
    assert type(strategy) is STRATEGIES[name]
    assert schedule.max_epochs == training_parameters().max_epochs
    assert schedule.learning_rate == training_parameters().learning_rate


def test_dynamic_takes_the_settings_of_algorithm_1(strategy_parameters, backbone, training_parameters):
    block = strategy_parameters("dynamic", patience=5, step=3, decay=0.2, at_full_depth="continue")
    schedule = strategy_of(block.root, backbone).schedule(14, training_parameters())
    assert isinstance(schedule, DynamicSchedule)
    assert (schedule.patience, schedule.step, schedule.decay) == (5, 3, 0.2)
    assert (schedule.layer_groups, schedule.at_full_depth) == (14, "continue")


@pytest.mark.parametrize(
    ("kind", "n", "expected"),
    [
        ("constant", 4, [1, 1, 1, 1]),
        ("cosine", 4, [1, 0.853553, 0.5, 0.146447]),
        ("warmup_cosine", 5, [0.5, 1, 0.853553, 0.5, 0.146447]),
        ("warmup_cosine", 60, [0.25, 0.5, 0.75, 1]),  # 5 % of 60 epochs
    ],
)
def test_the_learning_rate_schedule_applies_in_every_epoch_of_any_strategy(kind, n, expected):
    schedules = [fixed(annealing=kind, max_epochs=n, stop_patience=None), planned(annealing=kind, max_epochs=n)]
    for schedule in schedules:
        found = []
        for epoch in range(len(expected)):
            found.append(schedule.learning_rate / 1e-3)
            schedule.on_epoch_end(1 / (1 + epoch))
        assert found == pytest.approx(expected, rel=1e-5)


def test_lp_ft_lowers_the_rate_after_the_probe_and_starts_from_its_best_weights():
    schedule = LpFtSchedule(**SHARED, head_patience=2, head_epochs=None, layer_groups=7, fine_tuning_rate=0.1)
    made = [schedule.on_epoch_end(loss) for loss in [1.0, 1.1, 1.2, 1.1, 0.9]]
    assert [d.learning_rate for d in made] == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-4])
    assert [(d.unfrozen_groups, d.restore_best_weights) for d in made][2] == (7, True)
