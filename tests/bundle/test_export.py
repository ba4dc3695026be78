"""Exported networks: parity and size of every backbone, and the refusal of a network that differs."""

import keras
import numpy as np
import pytest

from lung_cxr.bundle.contents import BundleError
from lung_cxr.bundle.engines import load_network
from lung_cxr.bundle.export import export_network
from lung_cxr.bundle.write import check_parity
from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.models.backbones import BACKBONES
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.pooled_features import with_pooled_features
from lung_cxr.parameters import BackboneParameters
from lung_cxr.prediction.probabilities import StoredImages, predict_images

SMALLEST = {"inceptionv3": 75, "xception": 71}  # pixels; 32 for the others


@pytest.fixture
def stored(tmp_path):
    """Four random images in a store, at 32 px."""
    store, generator = ImageStore(tmp_path), np.random.default_rng(0)
    keys = [f"{number:032x}" for number in range(4)]
    for key in keys:
        store.put(key, generator.integers(0, 256, (128, 128)).astype(np.uint8))
    return StoredImages([store.folder / store.path(key) for key in keys], 32)


def spread_logits(model: keras.Model, images: np.ndarray) -> None:
    """Give the logits a kernel that makes the probabilities of the images differ."""
    features = np.asarray(with_pooled_features(model).predict(images, verbose=0)[1])
    kernel = model.get_layer("logits").kernel
    scale = features.std() * np.sqrt(features.shape[1])
    kernel.assign(np.random.default_rng(1).normal(size=kernel.shape) / scale)


@pytest.mark.slow  # quick: MobileNet's export in tests/pipelines/test_predict.py
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_exported_with_its_probabilities_features_and_no_more_than_its_weights(backbone, tmp_path):
    size = SMALLEST.get(backbone, 32)
    parameters = BackboneParameters(architecture=backbone, size=size, weights=None, top_layers=1, options={})
    model = build_classifier(parameters, dropout=0.2, head="gap", seed=0).model
    images = np.random.default_rng(0).integers(0, 256, (4, size, size, 1)).astype(np.uint8)
    spread_logits(model, images)
    export_network(model, tmp_path / "model.onnx")
    probabilities, features = load_network(tmp_path / "model.onnx", threads=1)(images)
    logits, expected = with_pooled_features(model).predict(images, verbose=0)
    assert np.abs(probabilities - np.asarray(keras.ops.softmax(logits))).max() <= 1e-5
    assert probabilities.std() > 0.01, "images that are all alike would prove nothing"
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3 * expected.std())
    weights = 4 * model.count_params()
    assert weights * 0.98 < (tmp_path / "model.onnx").stat().st_size < weights * 1.05 + 200_000


def tiny_model() -> keras.Model:
    image = keras.Input((32, 32, 1), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    return keras.Model(image, keras.layers.Dense(7)(pooled))


@pytest.mark.parametrize(("change", "allowed"), [(0.0, True), (5e-5, True), (2e-4, False), (np.nan, False)])
def test_a_network_that_differs_on_the_test_set_is_refused(stored, change, allowed):
    model = tiny_model()
    expected, _ = predict_images(model, stored, None, 4)
    if allowed:
        assert check_parity(model, lambda images: (expected + change, None), stored, 1e-4)["changed_classes"] == 0
        return
    with pytest.raises(BundleError, match="on 4 test images the exported network differs"):
        check_parity(model, lambda images: (expected + change, None), stored, 1e-4)


def test_a_changed_class_is_refused_however_small_the_difference(stored):
    model = tiny_model()
    model.layers[-1].set_weights([np.zeros((1, 7)), np.r_[1e-6, np.zeros(6)]])
    with pytest.raises(BundleError, match="changes 4 predicted classes"):
        check_parity(model, lambda images: (np.tile(np.r_[[1 / 7] * 6, 0.1429], (4, 1)), None), stored, 1e-3)
