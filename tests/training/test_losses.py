"""Training losses: values and gradients worked out by hand, deferred re-weighting, resumption and cached features."""

import itertools
import math

import keras
import numpy as np
import pytest

from lung_cxr.training.frozen import open_stage
from lung_cxr.training.frozen.cost_model import Machine
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.losses import (
    Focal,
    LabelDistributionAwareMargin,
    LogitAdjusted,
    class_margins,
    logit_adjustment,
    loss_weights_of_epoch,
    make_loss,
    warnings_of_reweighting,
)
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.run.interruption import Interrupted
from lung_cxr.training.strategies.registry import strategy_of

COUNTS = np.array([81, 16, 16, 1, 0, 256, 256])
SHARES = COUNTS / COUNTS.sum()
LN = math.log
LOSSES = {
    "focal": {"loss": "focal"},
    "logit_adjusted": {"loss": "logit_adjusted", "sampling": "natural", "loss_weights": "none"},
    "ldam_drw": {"loss": "ldam_drw", "loss_weights": "effective_number", "loss_settings": {"reweighting_epoch": 3}},
}
LOGITS = np.log([[1.0, 2, 3, 4, 5, 5, 80], [10, 1, 1, 1, 1, 1, 1]])  # p of the true classes 3 and 0: 0.04 and 0.625
LABELS = np.array([3, 0])


def values(loss, logits=LOGITS, labels=LABELS):
    """Return the loss of each image."""
    loss.reduction = None
    return keras.ops.convert_to_numpy(loss(labels, logits.astype(np.float32)))


def test_the_focal_loss_weighs_images_by_their_error():
    expected = [-(0.96**2) * LN(0.04), -(0.375**2) * LN(0.625)]
    assert values(Focal(2.0)) == pytest.approx(expected, rel=1e-5)
    assert values(Focal(0.0)) == pytest.approx([-LN(0.04), -LN(0.625)], rel=1e-5)


def test_the_logit_adjustment_multiplies_odds_by_the_class_shares():
    prior = np.array([0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05])
    expected = [-LN(4 * 0.1 / (0.4 + 0.4 + 0.3 + 0.4 + 0.5 + 0.25 + 4)), -LN(4 / (4 + 0.6))]
    assert values(LogitAdjusted(logit_adjustment(prior, 1.0))) == pytest.approx(expected, rel=1e-5)
    expected = -LN(10 * 0.16 / (1.6 + 0.04 + 3 * 0.01 + 2 * 0.0025))
    assert values(LogitAdjusted(logit_adjustment(prior, 2.0)))[1] == pytest.approx(expected, rel=1e-5)


def test_a_class_without_training_images_is_adjusted_like_the_rarest():
    adjustment = logit_adjustment(SHARES, 1.0)
    assert adjustment[4] == adjustment[3] == pytest.approx(LN(1 / 626))


def test_the_margin_lowers_the_logit_of_the_true_class_by_the_fourth_root_of_its_images():
    margins = class_margins(COUNTS, 0.5)
    assert margins == pytest.approx([0.5 / 3, 0.25, 0.25, 0.5, 0, 0.125, 0.125])
    expected = [-LN(4 / math.sqrt(math.e) / (96 + 4 / math.sqrt(math.e)))]
    expected += [-LN(10 * math.exp(-0.5 / 3) / (6 + 10 * math.exp(-0.5 / 3)))]
    assert values(LabelDistributionAwareMargin(margins)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_images_are_weighted_and_averaged_as_under_cross_entropy(training_parameters, name):
    loss = make_loss(training_parameters(**LOSSES[name]), COUNTS, "natural")
    weights = np.array([3.0, 0.5], dtype=np.float32)
    found = float(loss(LABELS, LOGITS.astype(np.float32), sample_weight=weights))
    assert found == pytest.approx((values(loss) * weights).mean(), rel=1e-5)


def test_the_settings_reach_the_losses(training_parameters):
    focal = make_loss(training_parameters(loss="focal", loss_settings={"focal_gamma": 3}), COUNTS, "balanced")
    assert focal.gamma == 3
    of_logits = make_loss(training_parameters(**LOSSES["logit_adjusted"]), COUNTS, "natural")
    assert of_logits.adjustment == pytest.approx(logit_adjustment(SHARES, 1.0))
    balanced = make_loss(training_parameters(**LOSSES["logit_adjusted"]), COUNTS, "balanced")
    assert np.ptp(balanced.adjustment) == 0, "balanced samples need no adjustment"
    margins = make_loss(training_parameters(**LOSSES["ldam_drw"]), COUNTS, "natural").margins
    assert margins == pytest.approx(class_margins(COUNTS, 0.5))
    assert type(make_loss(training_parameters(), COUNTS, "balanced")) is keras.losses.SparseCategoricalCrossentropy


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        (Focal(0.0), lambda p, y: p - y),
        (Focal(2.0), lambda p, y: (p - y) * (1 - p[3]) * (1 - p[3] - 2 * p[3] * LN(p[3]))),
        (LogitAdjusted(logit_adjustment(SHARES, 1.0)), None),
        (LabelDistributionAwareMargin(class_margins(COUNTS, 0.5)), None),
    ],
    ids=["focal 0", "focal 2", "logit_adjusted", "ldam"],
)
def test_gradients(loss, gradient):
    """Central differences: focal as derived by hand, the others softmax(changed logits) − one-hot."""
    step, y = 0.05, np.eye(7)[3]
    found = [
        float((values(loss, LOGITS[:1] + d, LABELS[:1]) - values(loss, LOGITS[:1] - d, LABELS[:1]))[0] / (2 * step))
        for d in step * np.eye(7)
    ]
    change = getattr(loss, "adjustment", 0) - getattr(loss, "margins", np.zeros(7)) * y
    p = np.exp(LOGITS[0] + change)
    p /= p.sum()
    assert found == pytest.approx(gradient(p, y) if gradient else p - y, abs=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses a gradient tape")
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_of_certain_predictions_are_finite(gamma):
    import tensorflow as tf

    logits = tf.Variable([[0.0] * 3 + [200.0] + [0.0] * 3, [0.0] * 3 + [-200.0] + [0.0] * 3])
    with tf.GradientTape() as tape:
        loss = Focal(gamma)(np.array([3, 3]), logits)
    assert np.isfinite(tape.gradient(loss, logits).numpy()).all()


def test_the_re_weighting_is_deferred_and_a_run_that_ends_before_it_has_a_warning(training_parameters):
    training = training_parameters(**LOSSES["ldam_drw"])
    assert loss_weights_of_epoch(training, COUNTS, 2).tolist() == [1, 1, 1, 1, 0, 1, 1]
    weights = loss_weights_of_epoch(training, COUNTS, 3)
    assert weights.sum() == pytest.approx(6)
    assert weights[3] / weights[1] == pytest.approx((1 - 0.999**16) / (1 - 0.999))
    assert "epoch 2" in warnings_of_reweighting(training, 2)[0]
    assert warnings_of_reweighting(training, 3) == warnings_of_reweighting(training_parameters(), 2) == []
    at_once = training_parameters(loss="focal", loss_weights="effective_number")
    assert loss_weights_of_epoch(at_once, COUNTS, 1) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loss": "logit_adjusted", "sampling": "balanced"}, "expected sampling: natural"),
        ({"loss": "ldam_drw", "loss_weights": "none"}, "expected effective_number or inverse_frequency"),
    ],
)
def test_combinations_without_an_effect_are_refused(training_parameters, changes, expected):
    with pytest.raises(ValueError, match=expected):
        training_parameters(**changes)


def test_the_identity_of_a_run_has_the_settings_of_its_own_loss_only(experiment):
    def settings(**changes):
        found = experiment(**changes).identity(7)["parameters"]["training"]
        return found.get("loss"), found.get("loss_settings")

    assert settings() == settings(loss_settings={"focal_gamma": 9}) == (None, None)
    assert settings(loss="focal") == ("focal", {"focal_gamma": 2})
    assert settings(**LOSSES["ldam_drw"]) == (
        "ldam_drw",
        {"ldam_margin": 0.5, "reweighting_epoch": 3, "effective_number_beta": 0.999},
    )


@pytest.fixture
def fine_tuning(backbone, tiny_classifier, images, training_parameters, strategy_parameters, tmp_path):
    """Make a linear probe over four epochs, its checkpoints in a folder of the given name."""

    def make(folder, features=None, **changes):
        keras.utils.clear_session()
        keras.utils.set_random_seed(7)
        return FineTuning(
            classifier=tiny_classifier(dropout=0.5),
            strategy=strategy_of(strategy_parameters("linear_probe", stop_patience=None).root, backbone),
            images=images,
            training=training_parameters(
                **{"max_epochs": 4, "learning_rate": 1e-3, "augmentation": {"bank": 2}, **changes}
            ),
            seed=7,
            checkpoints=CheckpointFolder(tmp_path / folder),
            report=lambda rows: None,
            features=features,
        )

    return make


def losses_of(history):
    return [row[name] for row in history for name in ("train_loss", "val_loss")]


@pytest.mark.parametrize(
    "name", ["ldam_drw", *(pytest.param(n, marks=pytest.mark.slow) for n in LOSSES if "drw" not in n)]
)
def test_resumed_or_with_cached_features_a_run_has_the_same_losses(
    fine_tuning, training_parameters, tmp_path, monkeypatch, name
):
    undisturbed = losses_of(fine_tuning("undisturbed", **LOSSES[name]).run())

    train, calls, stages = FineTuning.train_epoch, itertools.count(1), set()

    def interrupted(self):
        stages.add(type(self.stage).__name__)
        self.stop_request.made = next(calls) == 2
        return train(self)

    monkeypatch.setattr(FineTuning, "train_epoch", interrupted)
    with pytest.raises(Interrupted):
        fine_tuning("interrupted", **LOSSES[name]).run()
    assert losses_of(fine_tuning("interrupted", **LOSSES[name]).run()) == pytest.approx(undisturbed, rel=1e-5)
    assert stages == {"WholeNetwork"}

    monkeypatch.setattr(open_stage, "CPU", Machine(flops=1e4, traffic=1e4, memory=1e12, disk=1e12))
    folder = FeatureFolder(tmp_path / "features", "data", training_parameters().frozen_prefix)
    cached = fine_tuning("cached", folder, **LOSSES[name])
    next(calls)
    assert losses_of(cached.run()) == pytest.approx(undisturbed, rel=1e-4)
    assert "CachedStage" in stages
