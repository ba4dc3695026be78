"""Random weights under frozen batch normalisation give dead features; one pass over training images wakes them."""

import keras
import numpy as np
import pytest

from lung_cxr.models.batch_normalisation import adapt_batch_normalisation


def pooled(classifier, pixels) -> np.ndarray:
    """(n, channels): features of the backbone, averaged over the map."""
    features = keras.Model(classifier.model.input, classifier.backbone_layers[-1].output)
    return features.predict(pixels[..., None], verbose=0).mean(axis=(1, 2))


def test_dead_features_come_alive(tiny, images):
    classifier, pixels = tiny(), images(64)
    assert pooled(classifier, pixels).std() < 1e-6
    adapt_batch_normalisation(classifier, pixels)
    assert 0.1 < pooled(classifier, pixels).std() < 10
    assert pooled(classifier, pixels).std(axis=0).mean() > 0.05  # and differ from image to image
    assert classifier.batch_normalisation_images == 64


def test_the_statistics_are_the_mean_over_all_batches(tiny, images):
    """The first normalisation sees the images themselves: its mean is that of its inputs, whatever the batches."""
    classifier, pixels = tiny(), images(80)  # two batches and a half
    first = classifier.model.get_layer("conv1")
    inputs = keras.Model(classifier.model.input, first.output).predict(pixels[..., None], verbose=0)
    adapt_batch_normalisation(classifier, pixels)
    mean = classifier.model.get_layer("conv1_bn").moving_mean
    np.testing.assert_allclose(mean, inputs.mean(axis=(0, 1, 2)), rtol=1e-3, atol=1e-4)


def test_nothing_but_the_statistics_changes(tiny, images):
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


def test_it_follows_from_the_images_alone(tiny, images):
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
