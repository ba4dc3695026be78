import pytest

from lung_cxr.experiments import STRATEGIES as NAMES
from lung_cxr.training.strategies import STRATEGIES, FixedDepth, strategy_of
from lung_cxr.training.unfreezing import Unfreezing


def fixed(**changes):
    return FixedDepth(**{"max_epochs": 10, "initial_learning_rate": 1e-3, "stop_patience": 2, **changes})


def events(schedule, losses):
    return [schedule.observe(loss).event for loss in losses]


def test_fixed_depth_stops_when_patience_runs_out():
    assert events(fixed(), [1.0, 2.0, 0.9, 2.0, 2.0]) == ["", "", "", "", "stop:plateau"]


def test_fixed_depth_without_patience_goes_on_to_n():
    assert events(fixed(stop_patience=None, max_epochs=5), [1.0] * 5) == [*[""] * 4, "stop:budget"]


def test_a_plateau_in_the_last_epoch_is_a_plateau():
    assert events(fixed(max_epochs=3), [1.0, 2.0, 2.0])[-1] == "stop:plateau"


def test_fixed_depth_keeps_depth_and_learning_rate():
    schedule = fixed(stop_patience=None)
    made = [schedule.observe(loss) for loss in [1.0, 2.0, 3.0]]
    assert {(d.unfrozen_groups, d.learning_rate, d.restore_best) for d in made} == {(0, 1e-3, False)}


@pytest.mark.parametrize("name", NAMES)
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
    assert isinstance(schedule, Unfreezing)
    assert (schedule.patience, schedule.step, schedule.decay) == (5, 3, 0.2)
    assert (schedule.layer_groups, schedule.at_full_depth) == (14, "continue")
