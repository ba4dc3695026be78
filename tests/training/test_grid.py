"""The grid points of a sensitivity analysis and their names."""

import pytest
from pydantic import ValidationError

from lung_cxr.parameters import SensitivityParameters
from lung_cxr.training.sweep.grid import dynamic_grid_points, grid_points, traditional_grid_points


def sensitivity(**changes):
    lists = {"patience": [3, 5], "step": [1, 3], "decay": [0.1, 0.5], "max_epochs": [50, 100], "depths": [3, 6, 3]}
    return SensitivityParameters(**{"backbones": ["mobilenet"], **lists, **changes})


@pytest.fixture
def dynamic(strategy_parameters):
    return strategy_parameters("dynamic", patience=5, step=3, decay=0.1)


def test_the_grid_is_at_the_budget_of_training_and_budgets_at_the_strategys_own_settings(dynamic, training_parameters):
    settings = dynamic_grid_points(sensitivity(), dynamic, training_parameters(max_epochs=100))
    names = [setting.name for setting in settings]
    assert names[:3] == ["p3-k1-decay0.1-n100", "p3-k1-decay0.5-n100", "p3-k3-decay0.1-n100"]
    assert names[8:] == ["p5-k3-decay0.1-n50"], "n = 100 is in the grid already"
    last, strategy = settings[-1], settings[1].strategy.root
    assert (last.training.max_epochs, last.strategy) == (50, dynamic)
    assert (strategy.patience, strategy.step, strategy.decay) == (3, 1, 0.5)
    assert strategy.at_full_depth == dynamic.root.at_full_depth, "what is not swept stays"


def test_a_depth_is_a_search_among_one(strategy_parameters, training_parameters):
    first, second = traditional_grid_points(sensitivity(), strategy_parameters("traditional"), training_parameters())
    assert (first.name, second.name) == ("depth3", "depth6")
    assert (first.strategy.root.depth, first.strategy.root.search_depths) == ("search", [3])


def test_every_grid_point_has_its_own_name(dynamic, strategy_parameters, training_parameters):
    settings = grid_points(sensitivity(), dynamic, strategy_parameters("traditional"), training_parameters())
    names = {setting.run_name("mobilenet") for setting in settings}
    assert len(names) == len(settings) == 8 + 2 + 2, "both n differ from that of the test environment"
    assert "mobilenet-depth6" in names


def test_a_backbone_that_does_not_exist_is_an_error():
    with pytest.raises(ValidationError, match=r"sensitivity\.backbones: mobilnet unknown; expected some of xception"):
        sensitivity(backbones=["mobilnet"])
