"""Grad-CAM: the parts sum to the whole, and light falls where the class is."""

import keras
import numpy as np
import pytest

from lung_cxr.models.backbones import BACKBONES
from lung_cxr.models.freezing import adapt_batch_normalisation
from lung_cxr.models.grad_cam import NoFeatureMapError, class_evidence, heat_maps

CLASSES = np.array([0, 3, 6])


def adapted(classifier, pixels):
    """The model with statistics of its own: random weights see nothing without (`adapt_batch_normalisation`)."""
    adapt_batch_normalisation(classifier, pixels)
    classifier.model.get_layer("logits").bias.assign(np.linspace(-1, 1, 7))
    return classifier.model


def check_sums(model, pixels):
    evidence = class_evidence(model, pixels, CLASSES)
    logits = np.asarray(model.predict(pixels, verbose=0))[np.arange(3), CLASSES]
    bias = keras.ops.convert_to_numpy(model.get_layer("logits").bias)[CLASSES]
    assert np.abs(logits - bias).max() > 0.01
    np.testing.assert_allclose(evidence.sum(axis=(1, 2)), logits - bias, rtol=1e-4, atol=1e-4)


def test_the_places_of_a_map_sum_to_the_logit_without_its_bias(tiny, images):
    pixels = images(8, 64)
    check_sums(adapted(tiny(size=64), pixels), pixels[:3, ..., None])


@pytest.mark.slow  # quick: the test above
@pytest.mark.parametrize("architecture", BACKBONES)
def test_so_they_do_for_every_backbone(build, images, architecture):
    classifier = build(architecture)
    pixels = images(8, classifier.model.input_shape[1])
    check_sums(adapted(classifier, pixels), pixels[:3, ..., None])


def test_it_is_the_gradient_of_the_logit(tiny, images):
    """Grad-CAM by its definition, with finite differences on the feature map in the place of a gradient."""
    several = images(8, 64)
    model, pixels = adapted(tiny(size=64), several), several[:3, ..., None]
    pooling, logits = model.get_layer("head_pooling"), model.get_layer("logits")
    maps = np.asarray(keras.Model(model.input, pooling.input).predict(pixels, verbose=0))
    step, weights = 1.0, np.empty((3, maps.shape[-1]))
    before = np.asarray(logits(pooling(maps)))
    for channel in range(maps.shape[-1]):
        moved = maps.copy()
        moved[:, 1, 0, channel] += step  # any place: the gradient is the same in all
        weights[:, channel] = ((np.asarray(logits(pooling(moved))) - before) / step)[np.arange(3), CLASSES]
    expected = np.einsum("nhwc,nc->nhw", maps, weights)
    assert np.abs(expected).max() > 0.001
    np.testing.assert_allclose(class_evidence(model, pixels, CLASSES), expected, atol=1e-3 * np.abs(expected).max())


def test_a_heat_map_has_the_images_size_and_is_brightest_where_the_evidence_is():
    evidence = np.full((2, 4, 4), -1.0)
    evidence[0, 0, 3] = 5
    shown = heat_maps(evidence, 32)
    assert (shown.shape, shown.dtype) == ((2, 32, 32), np.float32)
    assert shown[0].max() == 1
    assert np.unravel_index(shown[0].argmax(), (32, 32)) in {(y, x) for y in range(8) for x in range(24, 32)}
    assert not shown[1].any(), "what only speaks against a class is not drawn"


def test_a_dense_head_has_no_map_and_says_so(build, images):
    model = build("mobilenet", options={"alpha": 0.25}, head="flatten_dense").model
    with pytest.raises(NoFeatureMapError, match=r"training\.head: gap"):
        class_evidence(model, images(3)[..., None], CLASSES)
