import keras
import numpy as np
import pytest

from lung_cxr.training.data.augmentation import Augmentation, rotated, training_model

NO_AUGMENTATION = [0.0, 1.0, 1.0]


def augmented(images, *draws):
    return keras.ops.convert_to_numpy(Augmentation()(images, np.array(draws, dtype=np.float32)))


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), dtype=np.uint8)


def test_without_a_change_drawn_every_pixel_stays(noise):
    assert np.array_equal(augmented(noise, NO_AUGMENTATION, NO_AUGMENTATION, NO_AUGMENTATION), noise)


def test_each_image_is_changed_by_its_own_draw(noise):
    changed = augmented(noise, NO_AUGMENTATION, [0, 0.5, 1], NO_AUGMENTATION)
    assert np.array_equal(changed[[0, 2]], noise[[0, 2]])
    assert np.abs(changed[1] - noise[1] / 2).max() <= 0.5
    assert changed.dtype == np.uint8


def test_rotation_is_counter_clockwise_about_the_centre_and_black_outside():
    image = np.zeros((1, 33, 33, 1), dtype=np.uint8)
    image[0, 16, 16:] = 200  # a hand pointing right, three o'clock
    turned = augmented(image, [90, 1, 1])[0, ..., 0]
    assert (turned[:16, 16] > 190).all(), "now twelve o'clock"
    assert (turned[20:] == 0).all()
    corner = augmented(np.full((1, 33, 33, 1), 255, np.uint8), [10, 1, 1])[0, ..., 0]
    assert corner[0, 0] == 0
    assert corner[16, 16] == 255


def test_a_small_rotation_there_and_back_is_nearly_the_image():
    smooth = np.hypot(*np.mgrid[-16:16, -16:16])[None, ..., None].astype(np.float32)
    there = rotated(smooth, np.array([10.0], dtype=np.float32))
    back = keras.ops.convert_to_numpy(rotated(there, np.array([-10.0], dtype=np.float32)))
    assert np.abs(back - smooth)[0, 8:24, 8:24].max() < 0.5


def test_brightness_is_a_factor_that_stops_at_white():
    grey = np.full((1, 32, 32, 1), 240, dtype=np.uint8)
    assert (augmented(grey, [0, 1.2, 1]) == 255).all()
    assert (augmented(grey, [0, 0.8, 1]) == 192).all()


def test_contrast_is_about_the_mean_of_the_image():
    halves = np.concatenate([np.full((1, 16, 32, 1), 80), np.full((1, 16, 32, 1), 120)], axis=1).astype(np.uint8)
    changed = augmented(halves, [0, 1, 1.1])
    assert set(changed.ravel()) == {78, 122}


def test_what_is_trained_shares_its_weights_with_what_is_saved(noise):
    image = keras.Input((32, 32, 1), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    classifier = keras.Model(image, keras.layers.Dense(7)(flat))
    trained = training_model(classifier)
    assert [id(v) for v in trained.trainable_variables] == [id(v) for v in classifier.trainable_variables]
    draws = np.tile(np.float32(NO_AUGMENTATION), (3, 1))
    same = trained.predict((noise, draws), verbose=0) == classifier.predict(noise, verbose=0)
    assert same.all()
    assert not any("augmentation" in layer.name for layer in classifier.layers)


def test_it_computes_in_float32_whatever_the_policy_of_the_run(noise):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert np.array_equal(augmented(noise, *[NO_AUGMENTATION] * 3), noise)
        assert (augmented(np.full((1, 32, 32, 1), 201, np.uint8), [0, 1.01, 1]) == 203).all()  # bfloat16: 202
    finally:
        keras.config.set_dtype_policy("float32")
