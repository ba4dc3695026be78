"""Grad-CAM: the parts sum to the whole, the map is fine enough, and light falls where the class is."""

import keras
import numpy as np
import pytest

from lung_cxr.models import grad_cam
from lung_cxr.models.backbones import BACKBONES
from lung_cxr.models.freezing import adapt_batch_normalisation
from lung_cxr.models.grad_cam import NoFeatureMapError, class_evidence, crossed_by_every_path, heat_maps
from lung_cxr.models.gradients import gradients_of_logits

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


@pytest.fixture
def last_map(monkeypatch):
    """Explain the last map, however coarse it is."""
    monkeypatch.setattr(grad_cam, "MIN_SIDE", 1)


@pytest.mark.usefixtures("last_map")
def test_the_places_of_a_map_sum_to_the_logit_without_its_bias(tiny, images):
    pixels = images(8, 64)
    check_sums(adapted(tiny(size=64), pixels), pixels[:3, ..., None])


@pytest.mark.slow  # quick: the test above
@pytest.mark.usefixtures("last_map")
@pytest.mark.parametrize("architecture", BACKBONES)
def test_so_they_do_for_every_backbone(build, images, architecture):
    classifier = build(architecture)
    pixels = images(8, classifier.model.input_shape[1])
    check_sums(adapted(classifier, pixels), pixels[:3, ..., None])


@pytest.mark.usefixtures("last_map")
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


def test_a_coarse_last_map_is_replaced_by_the_deepest_with_seven_positions_a_side(tiny, images):
    """Its channels are weighted by the mean gradient of the logit; one is checked by finite differences."""
    pixels = images(8, 64)
    model = adapted(tiny(size=64), pixels)
    evidence = class_evidence(model, pixels[:3, ..., None], CLASSES)
    assert evidence.shape == (3, 8, 8), "the last map is 2 × 2"
    layer = model.get_layer("conv_pw_5_relu")
    maps = np.asarray(keras.Model(model.input, layer.output)(pixels[:3, ..., None]))
    gradients = gradients_of_logits(keras.Model(layer.output, model.output), maps, CLASSES)
    expected = np.einsum("nhwc,nc->nhw", maps, gradients.mean(axis=(1, 2)))
    np.testing.assert_allclose(evidence, expected, atol=1e-4 * np.abs(expected).max())

    step, place, channels = 1e-3, (4, 5), maps.shape[-1]  # small: ReLU6 has kinks
    moved = np.repeat(maps[1][None], 2 * channels, axis=0)
    moved[:, *place] += step * np.r_[np.eye(channels), -np.eye(channels)]
    ends = np.asarray(keras.Model(layer.output, model.output)(moved))[:, CLASSES[1]]
    slopes = (ends[:channels] - ends[channels:]) / (2 * step)
    assert np.abs(slopes).max() > 1e-3
    np.testing.assert_allclose(gradients[1][place], slopes, atol=0.1 * np.abs(slopes).max())


def test_a_map_is_explained_only_where_every_path_crosses_it():
    image = keras.Input((8, 8, 1), name="image")
    first = keras.layers.Conv2D(2, 1, name="first")(image)
    side = keras.layers.Conv2D(2, 1, name="side")(first)
    joined = keras.layers.Add(name="joined")([first, side])
    model = keras.Model(image, keras.layers.Conv2D(1, 1, name="end")(joined))
    assert [layer.name for layer in crossed_by_every_path(model.layers)] == ["image", "first", "joined", "end"]


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
