import keras
import numpy as np
import pytest

from lung_cxr.training.data.augmentation import training_model
from lung_cxr.training.data.gpu_dataset import GpuResidentImages, gpu_training_model


def test_images_are_gathered_by_row_and_stay_bytes(pixels):
    layer = GpuResidentImages(pixels)
    gathered = layer(np.array([3, 0, 3], dtype=np.int32))
    assert keras.backend.standardize_dtype(gathered.dtype) == "uint8"
    assert np.array_equal(keras.ops.convert_to_numpy(gathered), pixels[[3, 0, 3]][..., None])
    assert layer.trainable_variables == []
    assert layer.compute_output_spec(keras.KerasTensor((None,), "int32")).shape == (None, 32, 32, 1)


def test_it_trains_the_same_layers_as_the_usual_model(pixels, tiny_classifier):
    classifier = tiny_classifier().model
    resident, usual = gpu_training_model(classifier, pixels), training_model(classifier)
    assert [id(v) for v in resident.trainable_variables] == [id(v) for v in usual.trainable_variables]
    rows, draws = np.array([5, 1], dtype=np.int32), np.float32([[3, 1.1, 0.95], [0, 1, 1]])
    expected = usual.predict((pixels[rows][..., None], draws), verbose=0)
    np.testing.assert_allclose(resident.predict((rows, draws), verbose=0), expected, rtol=0, atol=1e-5)


def test_the_classifier_that_is_saved_holds_no_pixels(pixels, tiny_classifier, tmp_path):
    classifier = tiny_classifier().model
    resident = gpu_training_model(classifier, pixels)
    assert not any(weight.dtype == "uint8" for weight in classifier.weights)
    with pytest.raises(NotImplementedError, match="save the classifier"):
        resident.save(tmp_path / "with_patients.keras")


@pytest.mark.parametrize("wrong", [np.zeros((2, 8, 8), np.float32), np.zeros((2, 8, 8, 1), np.uint8)])
def test_other_pixels_are_refused(wrong):
    with pytest.raises(ValueError, match=r"expected uint8 \(N, size, size\)"):
        GpuResidentImages(wrong)


def test_training_from_resident_pixels_is_training_from_batches(pixels, tiny_classifier):
    """On the other backends: test_other_backends.py."""
    rows, labels = np.array([7, 0, 7, 11], dtype=np.int32), np.arange(4)
    draws = np.float32([[5, 1.1, 0.9], [0, 1, 1], [-5, 0.8, 1.1], [0, 1, 1]])

    def after_two_epochs(build, images):
        model = build(tiny_classifier(dropout=0.0).model)
        model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.optimizer.build(model.trainable_variables)
        fitted = model.fit((images, draws), labels, batch_size=4, epochs=2, shuffle=False, verbose=0)
        return fitted.history["loss"], model

    usual, _ = after_two_epochs(training_model, pixels[rows][..., None])
    resident, model = after_two_epochs(lambda classifier: gpu_training_model(classifier, pixels), rows)
    np.testing.assert_allclose(resident, usual, rtol=1e-4)
    assert resident[1] < resident[0]
    kept = keras.ops.convert_to_numpy(model.get_layer("gpu_resident_images").pixels)[..., 0]
    assert kept.dtype == np.uint8
    np.testing.assert_array_equal(kept, pixels)
