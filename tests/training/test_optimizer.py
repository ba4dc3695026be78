"""Learning rates per variable, warm-up, weight decay and averaged weights: each by the size of real update steps."""

import itertools

import keras
import numpy as np
import pytest

from lung_cxr.training.frozen import open_stage
from lung_cxr.training.frozen.cost_model import Machine
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.optimizer import averaged_weights, make_optimizer
from lung_cxr.training.run.checkpoint import CheckpointFolder, values_of
from lung_cxr.training.run.interruption import Interrupted
from lung_cxr.training.strategies.registry import STRATEGIES, strategy_of
from lung_cxr.training.strategies.schedule import FixedSchedule

STEP = 0.1  # learning rate


@pytest.fixture
def step(backbone, tiny_classifier, training_parameters, strategy_parameters):
    """Make an optimiser for a network with all groups open; return how far gradients of 1 move each variable."""

    def do(strategy="full", changes=None, stage=1, steps=1, gradient=1.0, start=None, **training):
        classifier = tiny_classifier()
        parameters = training_parameters(optimizer="sgd", **training)
        strategy = strategy_of(strategy_parameters(strategy, **(changes or {})).root, backbone)
        strategy.open_layers(classifier, 3)
        variables = classifier.model.trainable_variables
        if start is not None:
            for variable in variables:
                variable.assign(keras.ops.full(variable.shape, start))
        schedule = FixedSchedule(max_epochs=9, initial_learning_rate=STEP, stop_patience=None, stage=stage)
        optimizer = make_optimizer(parameters, strategy, schedule, classifier, classifier.model)
        optimizer.build(variables)
        before = values_of(variables)
        for _ in range(steps):
            optimizer.apply([keras.ops.full(variable.shape, gradient) for variable in variables], variables)
        moved = [float(np.abs(one - other).mean()) for one, other in zip(values_of(variables), before, strict=True)]
        names = [variable.path for variable in variables]
        assert names == ["convolution_1/kernel", "convolution_2/kernel", "convolution_3/kernel"] + [
            f"logits/{name}" for name in ("kernel", "bias")
        ]
        return np.array(moved) / STEP, optimizer

    return do


def test_without_optional_settings_it_is_keras_own_optimiser(step):
    moved, optimizer = step()
    assert type(optimizer) is keras.optimizers.SGD
    assert moved == pytest.approx(np.ones(5))


@pytest.mark.parametrize(
    ("strategy", "changes", "expected"),
    [
        ("dynamic", {"backbone_rate": 0.1}, [0.1, 0.1, 0.1, 1, 1]),
        ("dynamic", {"layer_decay": 0.5}, [0.125, 0.25, 0.5, 1, 1]),
        ("dynamic", {"backbone_rate": 0.1, "layer_decay": 0.5}, [0.0125, 0.025, 0.05, 1, 1]),
        ("layer_decay", {"decay": 0.8}, [0.512, 0.64, 0.8, 1, 1]),
    ],
)
def test_each_layer_group_has_its_own_learning_rate(step, strategy, changes, expected):
    moved, _ = step(strategy, changes)
    assert moved == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("steps", "stage", "expected"), [(1, 1, 0.25), (2, 1, 0.75), (5, 2, 3.5), (1, 0, 1.0)])
def test_the_rate_rises_linearly_after_an_unfreezing_and_not_in_the_heads_stage(step, steps, stage, expected):
    moved, _ = step("dynamic", {"warmup_steps": 4}, stage=stage, steps=steps)
    assert moved == pytest.approx(np.full(5, expected), rel=1e-5)


def test_weight_decay_shrinks_kernels_by_their_own_rate_and_no_bias(step):
    moved, _ = step("dynamic", {"backbone_rate": 0.1}, weight_decay=0.5, gradient=0.0, start=2.0)
    assert moved == pytest.approx([0.1, 0.1, 0.1, 1, 0], abs=1e-5)


def test_auto_rgn_follows_the_relative_gradient_norm_and_the_head_has_the_full_rate(step):
    """With equal entries g and θ, ‖g‖ / ‖θ‖ is g / θ in every tensor: all factors are 1."""
    moved, _ = step("auto_rgn", start=2.0)
    assert moved == pytest.approx(np.ones(5))
    moved, optimizer = step("auto_rgn")
    norms = values_of([optimizer.gradient_norms])[0][:3]
    assert moved == pytest.approx([*(norms / norms.max()), 1, 1], rel=1e-4)
    assert len({*moved.round(4)}) > 2


def test_averages_replace_the_weights_within_a_block_only(
    backbone, tiny_classifier, training_parameters, strategy_parameters
):
    model = tiny_classifier().model
    strategy = strategy_of(strategy_parameters("full").root, backbone)
    classifier = tiny_classifier()
    model = classifier.model
    strategy.open_layers(classifier, 3)
    training = training_parameters(optimizer="sgd", ema_decay=0.9)
    schedule = FixedSchedule(max_epochs=9, initial_learning_rate=STEP, stop_patience=None)
    model.compile(make_optimizer(training, strategy, schedule, classifier, model), "mse")
    model.optimizer.build(model.trainable_variables)
    bias = model.get_layer("logits").bias
    path = []
    for _ in range(3):
        model.optimizer.apply([keras.ops.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)
        path.append(values_of([bias])[0])
    with averaged_weights(model):
        inside = values_of([bias])[0]
    np.testing.assert_allclose(inside, 0.9 * (0.9 * path[0] + 0.1 * path[1]) + 0.1 * path[2], rtol=1e-5)
    np.testing.assert_array_equal(values_of([bias])[0], path[2])


SETTINGS = {
    "dynamic": ({"backbone_rate": 0.1, "layer_decay": 0.9, "warmup_steps": 3, "patience": 1, "step": 2}, {}),
    "lp_ft": ({"stop_patience": None}, {}),
    "layer_decay": ({"stop_patience": None}, {"weight_decay": 0.1, "learning_rate_schedule": "warmup_cosine"}),
    "auto_rgn": ({"stop_patience": None}, {"ema_decay": 0.9}),
    "gradual": ({"step": 2, "stop_patience": None}, {"ema_decay": 0.9, "learning_rate_schedule": "cosine"}),
}


@pytest.fixture
def fine_tuning(backbone, tiny_classifier, images, training_parameters, strategy_parameters, tmp_path):
    """Make a run of four epochs, with its checkpoints in a folder of the given name."""

    def make(folder, strategy, changes, features=None, **shared):
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        return FineTuning(
            classifier=tiny_classifier(dropout=0.5),
            strategy=strategy_of(strategy_parameters(strategy, **changes).root, backbone),
            images=images,
            training=training_parameters(**{"max_epochs": 4, "learning_rate": 1e-2, **shared}),
            seed=7,
            checkpoints=CheckpointFolder(tmp_path / folder),
            report=lambda rows: None,
            features=features,
        )

    return make


def test_cached_features_change_no_number(fine_tuning, training_parameters, tmp_path, monkeypatch):
    monkeypatch.setattr(open_stage, "CPU", Machine(flops=1e4, traffic=1e4, memory=1e12, disk=1e12))
    changes = {"backbone_rate": 0.3, "layer_decay": 0.7, "warmup_steps": 3, "patience": 1, "step": 1}
    shared = {"ema_decay": 0.9, "weight_decay": 0.1, "learning_rate": 1e-3, "augmentation": {"bank": 2}}
    folder = FeatureFolder(tmp_path / "features", "data", training_parameters().frozen_prefix)
    cached, plain = (
        fine_tuning(name, "dynamic", changes, features, **shared) for name, features in (("c", folder), ("p", None))
    )
    kinds, opened = [], FineTuning.open_stage

    def watched(self):
        opened(self)
        kinds.append(type(self.stage).__name__)

    monkeypatch.setattr(FineTuning, "open_stage", watched)
    found, expected = cached.run(), plain.run()
    assert "CachedStage" in kinds
    for column in ("train_loss", "val_loss"):
        assert [row[column] for row in found] == pytest.approx([row[column] for row in expected], rel=1e-4)


@pytest.mark.parametrize(
    "name",
    ["dynamic", "auto_rgn", *(pytest.param(n, marks=pytest.mark.slow) for n in ("lp_ft", "layer_decay", "gradual"))],
)
def test_a_run_interrupted_in_any_epoch_ends_like_an_undisturbed_one(name, fine_tuning, monkeypatch):
    changes, shared = SETTINGS[name]

    def tuning(folder):
        return fine_tuning(folder, name, changes, **shared)

    undisturbed = tuning("undisturbed")
    undisturbed.run()
    train, calls = FineTuning.train_epoch, itertools.count(1)

    def interrupted(self):
        self.stop_request.made = next(calls) in (2, 4)
        return train(self)

    monkeypatch.setattr(FineTuning, "train_epoch", interrupted)
    for _ in range(2):
        with pytest.raises(Interrupted):
            tuning("interrupted").run()
    resumed = tuning("interrupted")
    resumed.run()
    for column in ("train_loss", "val_loss", "learning_rate", "event"):
        found, expected = ([row[column] for row in run.history] for run in (resumed, undisturbed))
        assert found == (expected if column == "event" else pytest.approx(expected, rel=1e-5)), column
    for one, other in zip(resumed.weights(), undisturbed.weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_the_settings_of_this_file_are_those_of_all_new_strategies():
    assert {*SETTINGS} <= {*STRATEGIES}
