"""cRT: natural sampling of all layers, then a new head with balanced sampling; killed and resumed, and cached."""

import itertools

import keras
import numpy as np
import pytest

from lung_cxr.training.frozen import open_stage
from lung_cxr.training.frozen.cost_model import Machine
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder, values_of
from lung_cxr.training.run.record import outcome_of, weighting_of
from lung_cxr.training.strategies.crt import CrtSchedule
from lung_cxr.training.strategies.registry import strategy_of

COMPARED = ("stage", "unfrozen_groups", "train_loss", "val_loss", "best_val_loss", "event")


class Killed(BaseException):
    """Nothing in the code may catch it."""


def test_the_second_stage_selects_its_own_best_weights():
    schedule = CrtSchedule(
        max_epochs=20,
        initial_learning_rate=1e-3,
        stop_patience=2,
        unfrozen_groups=3,
        representation_patience=2,
        representation_epochs=9,
    )
    made = [schedule.on_epoch_end(loss) for loss in [1.0, 0.8, 0.9, 0.9, 2.0, 1.5, 1.6, 1.6]]
    assert [d.event for d in made] == ["", "", "", "retrain_head", "", "", "", "stop:plateau"]
    assert [d.unfrozen_groups for d in made] == [3, 3, 3, 0, 0, 0, 0, 0]
    assert [d.improved for d in made] == [True, True, False, False, True, True, False, False]
    assert [d.best_val_loss for d in made] == [1.0, 0.8, 0.8, 0.8, 2.0, 1.5, 1.5, 1.5]
    assert [d.restore_best_weights for d in made] == [False] * 3 + [True] + [False] * 3 + [True]
    assert [d.reinitialises_head for d in made] == [d.event == "retrain_head" for d in made]


@pytest.fixture
def fine_tuning(backbone, tiny_classifier, images, training_parameters, strategy_parameters, tmp_path):
    """Make a run of two epochs of all layers and two of the head; its checkpoints are in the given folder."""

    def make(folder, features=None):
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        parameters = strategy_parameters("crt", representation_epochs=2, representation_patience=9)
        return FineTuning(
            classifier=tiny_classifier(dropout=0.5),
            strategy=strategy_of(parameters.root, backbone),
            images=images,
            training=training_parameters(max_epochs=4, learning_rate=1e-3, augmentation={"bank": 2}),
            seed=7,
            checkpoints=CheckpointFolder(tmp_path / folder),
            report=lambda rows: None,
            features=features,
        )

    return make


def assert_alike(history, expected, tolerance):
    for one, other in zip(history, expected, strict=True):
        assert {name: one[name] for name in COMPARED} == {
            name: pytest.approx(other[name], rel=tolerance) if "loss" in name else other[name] for name in COMPARED
        }


def test_a_run_and_the_same_run_killed_or_with_cached_features(fine_tuning, training_parameters, tmp_path, monkeypatch):
    train, seen = FineTuning.train_epoch, []

    def watched(self):
        head = values_of([weight for layer in self.classifier.head_layers for weight in layer.weights])
        order = self.sampling_order.of_epoch(self.schedule.epoch + 1)
        seen.append((type(self.stage).__name__, self.weights(), head, np.bincount(order, minlength=48)))
        return train(self)

    monkeypatch.setattr(FineTuning, "train_epoch", watched)
    plain = fine_tuning("plain")
    history, labels = plain.run(), plain.images.labels_of("train")
    assert [row["event"] for row in history] == ["", "retrain_head", "", "stop:budget"]
    (_, _, head, shown), _, (_, _, new_head, balanced), _ = seen
    assert all(np.array_equal(one, other) for one, other in zip(head, new_head, strict=True)), "initial weights"
    assert set(shown) == {1}, "natural: each image once"
    by_class = np.bincount(labels, weights=balanced, minlength=7)
    assert by_class.min() > 0.3 * by_class.max(), "balanced: the classes are equal but for chance"
    assert np.bincount(labels, minlength=7).min() < 0.3 * np.bincount(labels, minlength=7).max()
    frozen = len(plain.classifier.model.weights) - len(head)
    best_of_first = min(history[:2], key=lambda row: row["val_loss"])["epoch"]
    start_of_next = seen[best_of_first][1] if best_of_first == 1 else None
    for index in range(frozen):
        np.testing.assert_array_equal(seen[2][1][index], plain.weights()[index])
        if start_of_next:
            np.testing.assert_array_equal(seen[2][1][index], start_of_next[index])
    outcome = outcome_of(plain.schedule, history, 3)
    assert outcome["best_epoch"] in (3, 4)
    assert outcome["best_val_loss"] == min(row["val_loss"] for row in history[2:])
    shares = weighting_of(labels, plain.training, plain.sampling)["sampling_shares"].values()
    assert list(shares) == pytest.approx([1 / 7] * 7)

    save, saved = CheckpointFolder.save, itertools.count(1)

    def save_and_die(self, checkpoint):
        save(self, checkpoint)
        if next(saved) == 2:  # between the stages
            raise Killed

    monkeypatch.setattr(CheckpointFolder, "save", save_and_die)
    with pytest.raises(Killed):
        fine_tuning("killed").run()
    resumed = fine_tuning("killed")
    assert_alike(resumed.run(), history, 1e-5)
    for one, other in zip(resumed.weights(), plain.weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)

    monkeypatch.setattr(open_stage, "CPU", Machine(flops=1e4, traffic=1e4, memory=1e12, disk=1e12))
    seen.clear()
    folder = FeatureFolder(tmp_path / "features", "data", training_parameters().frozen_prefix)
    assert_alike(fine_tuning("cached", folder).run(), history, 1e-4)
    assert [kind for kind, *_ in seen] == ["WholeNetwork", "WholeNetwork", "CachedStage", "CachedStage"]
