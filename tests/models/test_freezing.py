"""Exactly the chosen layers train; frozen layers are one fixed function of the image; adapted statistics."""

import keras
import numpy as np
import pytest

from lung_cxr.experiments import BACKBONES
from lung_cxr.models.freezing import (
    adapt_batch_normalisation,
    restore_dropout,
    trainable_parameters,
    unfreeze_groups,
    unfreeze_top_layers,
)

every_backbone = pytest.mark.parametrize("architecture", BACKBONES)


def is_batch_normalisation(layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def paths_of(layers) -> set[str]:
    """Weights of these layers that fine-tuning may change: none of batch normalisation."""
    return {
        w.path for layer in layers if not is_batch_normalisation(layer) for w in layer.weights if "seed" not in w.path
    }


def trainable_paths(classifier) -> set[str]:
    return {w.path for w in classifier.model.trainable_variables}


def dropouts_on(layers) -> int:
    return sum(layer.rate > 0 for layer in layers if isinstance(layer, keras.layers.Dropout))


@every_backbone
def test_m_groups_train_with_the_head_and_nothing_else(smallest, architecture):
    classifier = smallest(architecture)
    L = len(classifier.groups)
    head = paths_of(classifier.head_layers)
    for m in (0, 1, 3, L, L - 1):  # also back down: strategies share nothing that sticks
        unfreeze_groups(classifier, m)
        opened = [layer for group in classifier.groups[L - m :] for layer in group]
        assert trainable_paths(classifier) == head | paths_of(opened)


@every_backbone
def test_the_top_n_layers_of_the_backbone_train(smallest, architecture):
    classifier = smallest(architecture)
    layers = classifier.backbone_layers
    for n in (0, 1, 5, len(layers)):
        unfreeze_top_layers(classifier, n)
        assert trainable_paths(classifier) == paths_of(classifier.head_layers) | paths_of(layers[len(layers) - n :])


def test_table_3_opens_the_layers_it_counts(smallest):
    unfreeze_top_layers(smallest("vgg16"), 10)  # Table 3
    opened = {path.split("/")[-2] for path in trainable_paths(smallest("vgg16"))} - {"logits"}
    assert opened == {"block3_conv3", *(f"block{b}_conv{c}" for b in (4, 5) for c in (1, 2, 3))}


def test_stage_zero_trains_the_head_alone(smallest):
    classifier = smallest("resnet50")
    unfreeze_groups(classifier, 5)
    unfreeze_groups(classifier, 0)
    assert trainable_parameters(classifier) == 2048 * 7 + 7


@pytest.mark.parametrize("m", [-1, 15])
def test_more_groups_than_there_are_is_an_error(smallest, m):
    with pytest.raises(ValueError, match="L = 14"):
        unfreeze_groups(smallest("mobilenet"), m)


@pytest.mark.parametrize("n", [-1, 86])
def test_more_layers_than_there_are_is_an_error(smallest, n):
    with pytest.raises(ValueError, match="has 85 layers"):
        unfreeze_top_layers(smallest("mobilenet"), n)


def test_dropout_is_off_where_efficientnet_is_frozen(smallest):
    classifier = smallest("efficientnetv2s")
    assert len(classifier.dropout_rates) == 34
    assert min(classifier.dropout_rates.values()) > 0
    for m in (0, 7, 42):
        unfreeze_groups(classifier, m)
        frozen = [x for group in classifier.groups[: 42 - m] for x in group]
        opened = [x for group in classifier.groups[42 - m :] for x in group]
        assert dropouts_on(frozen) == 0
        assert dropouts_on(opened) == sum(isinstance(x, keras.layers.Dropout) for x in opened)
    unfreeze_top_layers(classifier, 60)
    assert dropouts_on(classifier.backbone_layers[:-60]) == 0
    assert dropouts_on(classifier.backbone_layers) == dropouts_on(classifier.backbone_layers[-60:]) > 0
    restore_dropout(classifier)
    assert {x.name: x.rate for x in classifier.backbone_layers if x.name in classifier.dropout_rates} == (
        classifier.dropout_rates
    )


def test_a_frozen_efficientnet_is_the_same_function_in_training_and_inference(smallest, images):
    classifier = smallest("efficientnetv2s")
    batch = images(4)[..., None]
    features = keras.Model(classifier.model.input, classifier.backbone_layers[-1].output)
    unfreeze_groups(classifier, 0)
    assert np.array_equal(features(batch, training=True), features(batch, training=False))
    unfreeze_groups(classifier, 42)
    assert not np.array_equal(features(batch, training=True), features(batch, training=False))


@pytest.fixture(scope="module")
def adapted(tiny, images):
    """A tiny classifier whose features are alive, and its weights."""
    classifier = tiny(dropout=0.2)
    adapt_batch_normalisation(classifier, images(32))
    return classifier, classifier.model.get_weights()


def changed_by_one_step(adapted, images) -> set[str]:
    """Weights that are not bit-equal after one step of training."""
    classifier, before = adapted
    model = classifier.model
    model.set_weights(before)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1), loss, jit_compile=False)
    model.fit(images(8)[..., None], np.arange(8) % 7, batch_size=8, epochs=1, verbose=0)
    pairs = zip(model.weights, before, model.get_weights(), strict=True)
    return {w.path for w, old, new in pairs if not np.array_equal(old, new)} - {
        w.path for w in model.weights if "seed" in w.path
    }


def test_one_step_changes_all_trainable_weights_and_no_bit_of_the_others(adapted, images):
    classifier, _ = adapted
    unfreeze_groups(classifier, 3)
    opened = [layer for group in classifier.groups[-3:] for layer in group]
    assert changed_by_one_step(adapted, images) == paths_of(opened) | paths_of(classifier.head_layers)


def pooled(classifier, pixels) -> np.ndarray:
    """(n, channels): features of the backbone, averaged over the map."""
    features = keras.Model(classifier.model.input, classifier.backbone_layers[-1].output)
    return features.predict(pixels[..., None], verbose=0).mean(axis=(1, 2))


def test_adaptation_restores_vanished_features_of_random_weights(tiny, images):
    classifier, pixels = tiny(), images(64)
    assert pooled(classifier, pixels).std() < 1e-6
    adapt_batch_normalisation(classifier, pixels)
    assert 0.1 < pooled(classifier, pixels).std() < 10
    assert pooled(classifier, pixels).std(axis=0).mean() > 0.05  # and features differ between images
    assert classifier.batch_normalisation_images == 64


def test_the_statistics_are_the_mean_over_all_batches(tiny, images):
    """The first normalisation sees the images themselves: its mean is that of its inputs, whatever the batches."""
    classifier, pixels = tiny(), images(80)  # two batches and a half
    first = classifier.model.get_layer("conv1")
    inputs = keras.Model(classifier.model.input, first.output).predict(pixels[..., None], verbose=0)
    adapt_batch_normalisation(classifier, pixels)
    mean = classifier.model.get_layer("conv1_bn").moving_mean
    np.testing.assert_allclose(mean, inputs.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)


def test_adaptation_changes_only_the_statistics(tiny, images):
    classifier = tiny(dropout=0.3)
    model = classifier.model
    before = model.get_weights()
    adapt_batch_normalisation(classifier, images(32))
    pairs = zip(model.weights, before, model.get_weights(), strict=True)
    changed = {w.path for w, old, new in pairs if not np.array_equal(old, new)}
    assert changed == {w.path for w in model.weights if "moving_" in w.path}
    assert model.get_layer("head_dropout").rate == 0.3
    normalisations = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert {x.momentum for x in normalisations} == {0.99}
    assert not any(x.trainable for x in normalisations)


def test_adaptation_depends_only_on_the_images(tiny, images):
    classifier, again = tiny(), tiny()
    adapt_batch_normalisation(classifier, images(40))
    adapt_batch_normalisation(again, images(40))
    assert all(
        np.array_equal(a, b) for a, b in zip(classifier.model.get_weights(), again.model.get_weights(), strict=True)
    )


def test_a_backbone_without_batch_normalisation_stays_as_it_is(build, images):
    classifier = build("vgg16")
    before = classifier.model.get_weights()
    adapt_batch_normalisation(classifier, images(4))
    assert all(np.array_equal(a, b) for a, b in zip(before, classifier.model.get_weights(), strict=True))
    assert classifier.batch_normalisation_images == 0


@pytest.mark.parametrize("n", [0, 513])
def test_too_few_or_too_many_images_are_an_error(smallest, n):
    with pytest.raises(ValueError, match="give 1 to 512"):
        adapt_batch_normalisation(smallest("mobilenet"), np.zeros((n, 32, 32), np.uint8))
