"""The loop on a tiny network: it obeys the decisions, freezes what is frozen, and restores what is best."""

import itertools
from dataclasses import dataclass

import keras
import numpy as np
import pytest

from lung_cxr.models.freezing import open_groups, trainable_parameters
from lung_cxr.training import loop, stage
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.interruption import Interrupted
from lung_cxr.training.strategies.linear_probe import LinearProbe
from lung_cxr.training.strategies.registry import strategy_of
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.validation import Validation

STEPS = {"dynamic": {"patience": 1, "step": 2}, "gradual": {"step": 2}}  # of three layer groups: m = 0, 2, 3
TOP_LAYERS = 4  # group 3 and the dropout before it


@pytest.fixture
def fine_tuning(backbone, tiny_classifier, images, training_parameters, strategy_parameters, tmp_path):
    """Make a run of the tiny study; its validation losses can be planned."""

    numbers = itertools.count()

    def make(strategy="dynamic", losses=None, monkeypatch=None, **training_changes):
        training = training_parameters(**training_changes)
        tuning = FineTuning(
            classifier=tiny_classifier(dropout=training.dropout),
            strategy=strategy_of(
                strategy_parameters(strategy, **STEPS.get(strategy, {})).root,
                backbone.model_copy(update={"top_layers": TOP_LAYERS}),
            ),
            images=images,
            training=training,
            seed=7,
            checkpoints=CheckpointFolder(tmp_path / f"checkpoints_{next(numbers)}"),
            report=lambda rows: None,
        )
        if losses:
            planned = iter(losses)
            monkeypatch.setattr(loop, "validate", lambda logits, labels: Validation(next(planned), 0.5, 0.5))
        return tuning

    return make


def values_of(variables):
    return {variable.path: keras.ops.convert_to_numpy(variable).copy() for variable in variables}


def changed_between(before, after):
    return {name for name in before if not np.array_equal(before[name], after[name])}


DEPTHS = {  # groups that train in each of three epochs, with the losses 1, 2, 0.5
    "dynamic": [0, 0, 2],
    "traditional": [1, 1, 1],
    "linear_probe": [0, 0, 0],
    "two_stage": [0, 3, 3],
    "gradual": [0, 2, 3],
    "full": [3, 3, 3],
    "crt": [3, 0, 0],
}


@pytest.mark.parametrize("strategy", DEPTHS)
def test_frozen_groups_and_all_statistics_stay_and_the_others_learn(fine_tuning, monkeypatch, strategy):
    tuning = fine_tuning(strategy, [1.0, 2.0, 0.5], monkeypatch, max_epochs=3, learning_rate=1e-2)
    classifier, stages = tuning.classifier, []
    train = FineTuning.train_epoch

    def watched(self):
        before = values_of(classifier.model.weights)
        loss = train(self)
        stages.append((open_groups(classifier), changed_between(before, values_of(classifier.model.weights))))
        return loss

    monkeypatch.setattr(FineTuning, "train_epoch", watched)
    tuning.run()
    assert [depth for depth, _ in stages] == DEPTHS[strategy]
    head = {variable.path for layer in classifier.head_layers for variable in layer.weights}
    normalisation = {
        variable.path
        for layer in classifier.backbone_layers
        if isinstance(layer, keras.layers.BatchNormalization)
        for variable in layer.weights
    }
    assert len(normalisation) == 12, "γ, β and two statistics of three layers"
    for depth, changed in stages:
        deepest = {v.path for group in classifier.groups[3 - depth :] for layer in group for v in layer.weights}
        assert changed == head | (deepest - normalisation)


def test_at_an_unfreezing_the_best_weights_come_back_and_the_optimiser_is_new(fine_tuning, monkeypatch):
    tuning = fine_tuning(losses=[1.0, 0.8, 2.0, 2.0], monkeypatch=monkeypatch, max_epochs=4, learning_rate=1e-2)
    seen, train = [], FineTuning.train_epoch

    def watched(self):
        seen.append((values_of(self.classifier.model.weights), int(self.model.optimizer.iterations)))
        return train(self)

    monkeypatch.setattr(FineTuning, "train_epoch", watched)
    tuning.run()
    batches = 6  # 48 images, 8 a batch
    assert [iterations for _, iterations in seen] == [0, batches, 2 * batches, 0]
    assert not changed_between(seen[2][0], seen[3][0]), "epoch 3 was no improvement: epoch 4 starts where 3 did"
    assert tuning.history[2]["event"] == "unfreeze"
    assert not changed_between(seen[2][0], values_of(tuning.classifier.model.weights)), "the best at the end, too"


def test_if_nothing_ever_improves_the_initial_weights_are_the_result(fine_tuning, monkeypatch):
    tuning = fine_tuning(losses=[np.nan] * 3, monkeypatch=monkeypatch, max_epochs=9)
    before = values_of(tuning.classifier.model.weights)
    history = tuning.run()
    assert history[-1]["event"] == "stop:nan"
    assert np.isnan(history[-1]["best_val_loss"])
    assert not changed_between(before, values_of(tuning.classifier.model.weights))


def test_history_shows_what_was_in_force_during_each_epoch(fine_tuning, monkeypatch):
    tuning = fine_tuning(losses=[1.0, 2.0, 2.0, 2.0], monkeypatch=monkeypatch, max_epochs=9, learning_rate=1e-3)
    rows = tuning.run()
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert columns["epoch"] == [1, 2, 3, 4]
    assert columns["stage"] == [0, 0, 1, 2]
    assert columns["unfrozen_groups"] == [0, 0, 2, 3]
    assert columns["learning_rate"] == pytest.approx([1e-3, 1e-3, 9e-4, 8.1e-4])
    assert columns["patience_counter"] == [0, 1, 1, 1]
    assert columns["event"] == ["", "unfreeze", "unfreeze", "stop:plateau"]
    assert columns["trainable_parameters"] == sorted(columns["trainable_parameters"])
    assert columns["trainable_parameters"][-1] == trainable_parameters(tuning.classifier)


@dataclass(kw_only=True)
class Pulses(FixedSchedule):
    """A learning rate of 0 in every second epoch, within one stage."""

    @property
    def learning_rate(self):
        return 0.0 if self.epoch % 2 else self.initial_learning_rate


@pytest.mark.parametrize("checkpoint_of_epoch", [None, 1])
def test_the_optimiser_trains_at_the_learning_rate_of_the_schedule_in_every_epoch(
    fine_tuning, monkeypatch, checkpoint_of_epoch
):
    settings = {"max_epochs": 4, "initial_learning_rate": 1e-2, "stop_patience": None}
    monkeypatch.setattr(LinearProbe, "schedule", lambda self, groups, training: Pulses(**settings))
    tuning, rates, moved, train = fine_tuning("linear_probe"), [], [], FineTuning.train_epoch

    def watched(self):
        before = values_of(self.classifier.model.weights)
        loss = train(self)
        rates.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))
        moved.append(bool(changed_between(before, values_of(self.classifier.model.weights))))
        if len(rates) == checkpoint_of_epoch:
            self.stop_request.made = True
        return loss

    monkeypatch.setattr(FineTuning, "train_epoch", watched)
    if checkpoint_of_epoch:
        with pytest.raises(Interrupted):
            tuning.run()
        checkpoints, tuning = tuning.checkpoints, fine_tuning("linear_probe")
        tuning.checkpoints = checkpoints
    tuning.run()
    assert moved == [True, False, True, False]
    assert rates == pytest.approx([1e-2, 0, 1e-2, 0])
    assert [row["learning_rate"] for row in tuning.history] == [1e-2, 0, 1e-2, 0]


def test_traditional_opens_its_top_layers_from_the_first_epoch(fine_tuning):
    tuning = fine_tuning("traditional", max_epochs=1)
    tuning.run()
    thawed = [layer.name for layer in tuning.classifier.backbone_layers if layer.trainable_variables]
    assert thawed == ["convolution_3"]
    assert [(row["stage"], row["unfrozen_groups"]) for row in tuning.history] == [(0, 1)]


def test_the_training_loss_is_weighted_and_the_validation_loss_is_not(fine_tuning):
    weighted = fine_tuning(max_epochs=1, learning_rate=1e-9, dropout=0.0, augmentation={"classes": None})
    plain = fine_tuning(
        max_epochs=1, learning_rate=1e-9, dropout=0.0, augmentation={"classes": None}, loss_weights="none"
    )
    heavy, light = weighted.run()[0], plain.run()[0]
    assert heavy["val_loss"] == pytest.approx(light["val_loss"], rel=1e-5)
    assert heavy["train_loss"] > 1.1 * light["train_loss"]  # mean of Eq. 14 under balanced sampling is above 1


def test_images_on_the_device_give_the_same_losses(fine_tuning, monkeypatch):
    usual = fine_tuning("full", max_epochs=2)
    monkeypatch.setattr(stage, "on_gpu", lambda: True)
    resident = fine_tuning("full", max_epochs=2)
    assert type(resident.stage) is stage.GpuResidentNetwork
    assert type(fine_tuning("full", device_gib=0).stage) is stage.WholeNetwork
    found, expected = ([row["train_loss"] for row in run.run()] for run in (resident, usual))
    assert found == pytest.approx(expected, rel=1e-4)
