"""Exactly what should train does, and what is frozen is one fixed function of the image."""

import keras
import numpy as np
import pytest

from lung_cxr.experiments import BACKBONES
from lung_cxr.models.batch_normalisation import adapt_batch_normalisation
from lung_cxr.models.freezing import (
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


def test_one_step_changes_all_that_trains_and_not_a_bit_of_the_rest(adapted, images):
    classifier, _ = adapted
    unfreeze_groups(classifier, 3)
    opened = [layer for group in classifier.groups[-3:] for layer in group]
    assert changed_by_one_step(adapted, images) == paths_of(opened) | paths_of(classifier.head_layers)


def test_gamma_and_beta_train_on_request_and_the_statistics_never(adapted, images):
    classifier, _ = adapted
    unfreeze_groups(classifier, 3, train_bn_affine=True)
    opened = [layer for group in classifier.groups[-3:] for layer in group]
    affine = {w.path for x in opened if is_batch_normalisation(x) for w in (x.gamma, x.beta)}
    assert len(affine) == 3 * 2 * 2  # three blocks, two normalisations each
    assert changed_by_one_step(adapted, images) == paths_of(opened) | paths_of(classifier.head_layers) | affine
    unfreeze_groups(classifier, 3)
    assert not trainable_paths(classifier) & affine
