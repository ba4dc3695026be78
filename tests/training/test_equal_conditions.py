"""Whatever the strategy, a run begins alike: the same weights, random states, images, augmentation draws and budget."""

import keras
import pytest

from lung_cxr.experiments import BASELINES, STRATEGIES
from lung_cxr.training import runs
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.runs import train_seeds

SEARCH = {"depth": "search", "search_depths": [2, 3]}


class FirstEpochSeen(BaseException):
    """Ends a run before it has trained; nothing in the code may catch it."""


@pytest.fixture
def first_sight(experiment, tiny_classifier, tmp_path, monkeypatch):
    """Begin a run; return the bytes of all weights and random states, and of every batch of its first epoch."""
    monkeypatch.setattr(runs, "build_classifier", tiny_classifier)
    seen = {}

    def look(model, feed, **kwargs):
        seen["start"] = {v.path: keras.ops.convert_to_numpy(v).tobytes() for v in classifier_variables(model)}
        seen["batches"] = [in_bytes(feed[index]) for index in range(len(feed))]
        raise FirstEpochSeen

    monkeypatch.setattr(keras.Model, "fit", look)

    def begin(strategy, changes=None):
        study = experiment(strategy, changes, augmentation={"bank": 2}, sampling="natural")  # cRT begins with it
        with pytest.raises(FirstEpochSeen):
            list(train_seeds(study, lambda seed: RunFolders(tmp_path / "models", tmp_path / "outputs", seed)))
        return dict(seen)

    return begin


def classifier_variables(model):
    """Return every variable but the optimiser's."""
    return [variable for layer in model.layers for variable in layer.variables]


def in_bytes(batch):
    (images, draws), labels, weights = batch
    return [array.tobytes() for array in (images, draws, labels, weights)]


@pytest.mark.parametrize(
    "others", [("traditional", "gradual"), pytest.param(STRATEGIES[1:] + BASELINES, marks=pytest.mark.slow)]
)
def test_any_two_strategies_start_from_the_same_weights_and_see_the_same_first_epoch(first_sight, others):
    expected = first_sight("dynamic")
    assert len(expected["batches"]) == 6
    assert len(expected["start"]) == 3 * 5 + 2 + 2, "kernels and normalisation, the head, two random states of dropout"
    for strategy in others:
        found = first_sight(strategy)
        assert found["start"] == expected["start"], strategy
        assert found["batches"] == expected["batches"], strategy
    assert first_sight("traditional", SEARCH) == expected


def test_all_strategies_have_the_same_budget_and_first_learning_rate(
    strategy_parameters, training_parameters, backbone
):
    from lung_cxr.training.strategies.registry import strategy_of

    training = training_parameters(max_epochs=31)
    schedules = [
        strategy_of(strategy_parameters(name).root, backbone).schedule(14, training) for name in STRATEGIES + BASELINES
    ]
    assert {(schedule.max_epochs, schedule.learning_rate) for schedule in schedules} == {(31, training.learning_rate)}
