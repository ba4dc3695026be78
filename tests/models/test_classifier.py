"""One flat model from grey image to logits, that begins where its seed and weights say and loads without us."""

import hashlib
import json
import random
import zipfile

import keras
import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import build_classifier
from lung_cxr.parameters import BackboneParameters


@pytest.fixture(scope="module")
def classifier(tiny):
    return tiny()


def weights_of(layers) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(w) for layer in layers for w in layer.weights]


def equal(a, b) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def test_uint8_images_go_in_and_float32_logits_of_the_seven_classes_come_out(classifier, images):
    assert classifier.model.input_shape == (None, 32, 32, 1)
    assert classifier.model.input.dtype == "uint8"
    logits = classifier.model(images(3)[..., None])
    assert logits.shape == (3, len(DISEASES))
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    assert classifier.model.get_layer("logits").activation is keras.activations.linear


def test_the_model_is_flat(classifier):
    assert not [layer for layer in classifier.model.layers if isinstance(layer, keras.Model)]


def test_backbone_and_head_share_out_the_layers_behind_the_scaling(classifier):
    ours = ["image", "grey_to_colour", "input_scaling"]
    names = [x.name for x in (*classifier.backbone_layers, *classifier.head_layers)]
    assert ours + names == [x.name for x in classifier.model.layers]
    network = keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=(32, 32, 3))
    assert len(classifier.backbone_layers) == len(network.layers) - 1  # its own input layer


def test_the_saved_model_loads_without_this_package_and_predicts_the_same(classifier, tmp_path, images):
    classifier.model.save(tmp_path / "model.keras")
    config = json.loads(zipfile.ZipFile(tmp_path / "model.keras").read("config.json"))
    assert "lung_cxr" not in json.dumps(config)
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    batch = images(4)[..., None]
    assert np.array_equal(loaded.predict_on_batch(batch), classifier.model.predict_on_batch(batch))


def test_random_weights_follow_from_the_seed_alone(classifier, tiny):
    random.seed(99)  # whatever happened before in this process
    keras.layers.Dense(3)
    again, other = tiny(), tiny(seed=2)
    assert equal(again.model.get_weights(), classifier.model.get_weights())
    assert not equal(weights_of(other.backbone_layers), weights_of(classifier.backbone_layers))
    assert again.weights_sha256 == classifier.weights_sha256 != other.weights_sha256
    assert classifier.weights_source == "random"


def test_a_new_head_gives_every_class_the_same_probability(images):
    settings = {"architecture": "mobilenet", "size": 32, "weights": None, "top_layers": 3, "options": {"alpha": 0.25}}
    classifier = build_classifier(BackboneParameters(**settings), dropout=0.0, head="gap", seed=1)
    assert not classifier.model.predict_on_batch(images(2)[..., None]).any()


def test_building_leaves_the_callers_random_state_alone(tiny):
    before = random.getstate()
    tiny()
    assert random.getstate() == before


def test_flatten_dense_has_one_hidden_layer_on_the_whole_map(tiny):
    classifier = tiny(head="flatten_dense", size=64)
    dense = classifier.model.get_layer("head_dense")
    assert dense.kernel.shape == (2 * 2 * 256, 256)
    assert [x.name for x in classifier.head_layers] == ["head_flatten", "head_dense", "head_dropout", "logits"]
    assert classifier.model.output_shape == (None, len(DISEASES))


def test_mixed_precision_keeps_scaling_and_logits_in_float32(tiny, images):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tiny().model
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("input_scaling").compute_dtype == "float32"
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(model(images(2)[..., None]).dtype) == "float32"


def test_an_input_too_small_for_the_backbone_is_an_error(build):
    with pytest.raises(ValueError, match="at least 71"):
        build("xception", size=64)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    network = keras.applications.MobileNet(include_top=False, weights=None, alpha=0.25, input_shape=(64, 64, 3))
    path = tmp_path_factory.mktemp("weights") / "tiny_notop.weights.h5"
    network.save_weights(path)
    return path, network.get_weights()


def test_weights_from_a_file_are_loaded_and_recorded(weights_file, classifier, tiny):
    path, arrays = weights_file
    loaded = tiny(weights=str(path))
    assert equal(weights_of(loaded.backbone_layers), arrays)
    assert loaded.weights_source == "tiny_notop.weights.h5"
    assert loaded.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_weights_of_another_network_are_an_error(weights_file, tiny):
    with pytest.raises(ValueError, match=r"tiny_notop.weights.h5 does not hold the weights of mobilenet"):
        tiny(weights=str(weights_file[0]), options={"alpha": 0.5})


def test_a_file_without_weights_is_an_error(tiny, tmp_path):
    (tmp_path / "torn.weights.h5").write_bytes(b"half a download")
    with pytest.raises(ValueError, match=r"torn.weights.h5 does not hold"):
        tiny(weights=str(tmp_path / "torn.weights.h5"))


def test_a_missing_weights_file_is_an_error_that_says_what_to_do(tmp_path, tiny):
    with pytest.raises(FileNotFoundError, match=r"no weights file .*LUNG_CXR_WEIGHTS"):
        tiny(weights=str(tmp_path / "none.weights.h5"))


@pytest.mark.parametrize(
    ("architecture", "name"), [("mobilenet", "MobileNet"), ("vgg16", "VGG16"), ("xception", "Xception")]
)
def test_real_weights_give_the_features_of_keras_applications(imagenet_weights, architecture, name, build, images):
    path = imagenet_weights / f"{architecture}_imagenet_notop.weights.h5"
    if not path.is_file():
        pytest.skip(f"{path.name} is not in the weights folder")
    size = 96
    classifier = build(architecture, size=size, weights=str(path))
    network = getattr(keras.applications, name)(include_top=False, weights=path, input_shape=(size, size, 3))
    preprocess = getattr(keras.applications, architecture).preprocess_input
    grey = images(4, size)[..., None]
    expected = network.predict_on_batch(preprocess(np.repeat(grey.astype("float32"), 3, axis=-1)))
    features = keras.Model(classifier.model.input, classifier.backbone_layers[-1].output)
    ours = features.predict_on_batch(grey)
    assert ours.std() > 0.01  # alive
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
