import random

import keras
import numpy as np
import pytest

from lung_cxr.models.batch_normalisation import adapt_batch_normalisation
from lung_cxr.models.classifier import build_classifier
from lung_cxr.parameters import BackboneParameters
from lung_cxr.training.frozen.folding import folded

SIDES = {"xception": 75, "inceptionv3": 75}
LEFT = {  # batch normalisations that follow no convolution, or one that others read too
    "mobilenet": 0,
    "xception": 0,
    "resnet50": 0,
    "vgg16": 0,
    "inceptionv3": 0,
    "efficientnetv2s": 0,
    "densenet121": 62,  # normalises before it convolves
}


@pytest.fixture
def in_double_precision():
    """Deep random networks make much of a rounding; in double precision, what is left is not one."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    "name", ["mobilenet", "densenet121", *(pytest.param(x, marks=pytest.mark.slow) for x in LEFT if x[0] in "xrvie")]
)
def test_a_backbone_computes_the_same_with_fewer_layers(name, in_double_precision):
    side = SIDES.get(name, 32)
    options = {"alpha": 0.25} if name == "mobilenet" else {}
    parameters = BackboneParameters(architecture=name, size=side, weights=None, top_layers=0, options=options)
    classifier = build_classifier(parameters, dropout=0.0, head="gap", seed=1)
    pixels = np.random.default_rng(0).integers(0, 256, (16, side, side), dtype=np.uint8)
    adapt_batch_normalisation(classifier, pixels)
    network = keras.Model(classifier.model.input, classifier.head_layers[0].output)
    before = random.getstate()
    copy = folded(network)
    assert random.getstate() == before
    left = [layer for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(left) == LEFT[name]
    expected, found = (np.asarray(model.predict_on_batch(pixels[..., None])) for model in (network, copy))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * expected.std())
    assert not {id(v) for v in copy.weights} & {id(v) for v in network.weights}


def test_a_convolution_that_others_read_too_keeps_its_normalisation():
    image = keras.Input((8, 8, 3))
    convolved = keras.layers.Conv2D(3, 3, padding="same", name="convolution")(image)
    output = keras.layers.Add()([convolved, keras.layers.BatchNormalization(name="normalisation")(convolved)])
    copy = folded(keras.Model(image, output))
    assert isinstance(copy.get_layer("normalisation"), keras.layers.BatchNormalization)


def test_without_scale_and_shift_and_with_a_bias():
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    features = keras.layers.SeparableConv2D(4, 3, depth_multiplier=2, bias_initializer="ones")(image)
    features = keras.layers.BatchNormalization(center=False, scale=False, moving_mean_initializer="ones")(features)
    features = keras.layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False)(features)
    normalisation = keras.layers.BatchNormalization(gamma_initializer="random_uniform", beta_initializer="ones")
    network = keras.Model(image, normalisation(features))
    inputs = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    copy = folded(network)
    assert not [layer for layer in copy.layers if isinstance(layer, keras.layers.BatchNormalization)]
    expected, found = (np.asarray(model.predict_on_batch(inputs)) for model in (network, copy))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
