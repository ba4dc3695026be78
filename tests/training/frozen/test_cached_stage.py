"""Cached features change nothing: the losses are those of a run without the cache."""

import gc

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.freezing import adapt_batch_normalisation, unfreeze_groups
from lung_cxr.parameters import BackboneParameters, FrozenPrefixParameters
from lung_cxr.training.data.augmentation_parameters import AugmentationSampler
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen import open_stage
from lung_cxr.training.frozen.cached_stage import CachedStage
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.strategies.registry import strategy_of

TOLERANCE = 2e-4  # relative: another order of sums, over three epochs of training


@pytest.fixture
def folder(tmp_path):
    return FeatureFolder(tmp_path / "frozen_features", "1" * 64, FrozenPrefixParameters(disk_gib=1, memory_gib=1))


@pytest.fixture
def trained(training_parameters, strategy_parameters, tmp_path):
    """Train three epochs, `step` more groups each; return history, weights, and the cached kinds of each stage."""

    def do(name, make, images, parameters, features, *, step, bank, sampling="balanced", unchanged=0):
        keras.utils.clear_session()
        keras.utils.set_random_seed(3)
        training = training_parameters(
            max_epochs=3,
            learning_rate=1e-4,
            augmentation={"bank": bank, "unchanged_share": unchanged},
            sampling=sampling,
            batch_size=8,
        )
        tuning = FineTuning(
            classifier=make(training),
            strategy=strategy_of(strategy_parameters("gradual", step=step, every=1).root, parameters),
            images=images,
            training=training,
            seed=3,
            checkpoints=CheckpointFolder(tmp_path / name),
            report=lambda rows: None,
            features=features,
        )
        cached, open_stage = [], tuning.open_stage

        def watched():
            open_stage()
            behind = isinstance(tuning.stage, CachedStage)
            cached.append((tuning.stage.prefix.split_point.name, set(tuning.stage.cached)) if behind else None)

        tuning.open_stage = watched
        history = pd.DataFrame(tuning.run()).drop(columns="seconds")
        return history, tuning.classifier.model.get_weights(), cached

    return do


def assert_alike(one, other):
    pd.testing.assert_frame_equal(one[0], other[0], rtol=TOLERANCE)
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-4)


@pytest.fixture(scope="module")
def radiographs():
    """28 pictures for training, 7 for validation, of a side; all classes."""

    def make(side):
        subsets = ["train"] * 28 + ["validation"] * 7
        keys = [f"{number:032x}" for number in range(len(subsets))]
        labels = [DISEASES[number % 7] for number in range(len(subsets))]
        split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
        pixels = np.random.default_rng(1).integers(0, 256, (len(subsets), side, side), dtype=np.uint8)
        return SplitImages(pixels, split)

    return make


@pytest.mark.parametrize(
    ("bank", "sampling", "unchanged", "kinds"),
    [
        pytest.param(  # quick: test_a_real_network
            2, "balanced", 0, {"validation", "unaugmented", "bank"}, marks=pytest.mark.slow
        ),
        (None, "balanced", 0, {"validation", "unaugmented"}),
        (2, "natural", 0.3, {"validation", "unaugmented", "bank"}),
    ],
)
def test_a_tiny_network(trained, folder, tiny_classifier, images, backbone, bank, sampling, unchanged, kinds):
    def make(training):
        return tiny_classifier(dropout=training.dropout)

    settings = {"step": 2, "bank": bank, "sampling": sampling, "unchanged": unchanged}
    whole = trained("whole", make, images, backbone, None, **settings)
    behind = trained("behind", make, images, backbone, folder, **settings)
    assert behind[2] == [("pooled", kinds), ("group 1", kinds), None]
    assert whole[2] == [None] * 3
    assert_alike(whole, behind)


@pytest.mark.parametrize(("bank", "opened"), [(None, False), (2, True)])
def test_on_a_gpu_fresh_draws_need_the_whole_network(
    tiny_classifier, images, training_parameters, folder, monkeypatch, bank, opened
):
    monkeypatch.setattr(open_stage, "on_gpu", lambda: True)
    training = training_parameters(augmentation={"bank": bank}, batch_size=8)
    labels = images.labels_of("train")
    draws = AugmentationSampler(training.augmentation, labels, seed=3)
    classifier = tiny_classifier()
    unfreeze_groups(classifier, 0)
    cached = open_stage.open_cached_stage(classifier, images, draws, training, "balanced", 0, folder)
    assert (cached is not None) == opened
    if cached:
        cached.close()


@pytest.fixture
def mixed_bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("mixed_bfloat16")
def test_bfloat16_features_are_cached(trained, folder, tiny_classifier, images, backbone):
    def make(training):
        return tiny_classifier(dropout=training.dropout)

    whole = trained("whole", make, images, backbone, None, step=2, bank=2)
    behind = trained("behind", make, images, backbone, folder, step=2, bank=2)
    assert [stage and stage[0] for stage in behind[2]] == ["pooled", "group 1", None]
    pd.testing.assert_frame_equal(whole[0], behind[0], rtol=0.02)


CASES = {  # groups unfrozen at once, and options of the constructor
    "mobilenet": (5, {"alpha": 0.25}),
    "densenet121": (12, {}),
    "efficientnetv2s": (16, {}),  # has drop-connect
}


@pytest.mark.parametrize("name", ["mobilenet", *(pytest.param(x, marks=pytest.mark.slow) for x in list(CASES)[1:])])
def test_a_real_network(trained, folder, radiographs, name):
    step, options = CASES[name]
    parameters = BackboneParameters(architecture=name, size=32, weights=None, top_layers=1, options=options)
    images = radiographs(32)

    def make(training):
        classifier = build_classifier(parameters, dropout=training.dropout, head="gap", seed=3)
        adapt_batch_normalisation(classifier, images.pixels[images.rows("train")])
        return classifier

    whole = trained("whole", make, images, parameters, None, step=step, bank=2)
    behind = trained("behind", make, images, parameters, folder, step=step, bank=2)
    assert [stage is not None for stage in behind[2]] == [True] * 3
    assert_alike(whole, behind)


def networks():
    gc.collect()
    return {id(thing) for thing in gc.get_objects() if issubclass(type(thing), keras.Model)}


def test_when_a_run_is_over_no_network_stays_in_memory(trained, folder, tiny_classifier, images, backbone):
    before = networks()
    _, _, cached = trained("cached", lambda training: tiny_classifier(), images, backbone, folder, step=1, bank=2)
    assert cached[0] is not None
    keras.utils.clear_session()
    assert len(networks() - before) == 0
