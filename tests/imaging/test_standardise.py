import numpy as np
import pytest

from lung_cxr.imaging.standardise import fit, pad_to_square, window


def test_the_window_maps_its_percentiles_to_black_and_white(smooth):
    values = (smooth() * 30000 - 5000).astype(np.float32)
    image = window(values, (1, 99))
    low, high = np.percentile(values, (1, 99))
    assert image.dtype == np.uint8
    assert (image[values <= low] == 0).all()
    assert (image[values >= high] == 255).all()
    middle = (values > low) & (values < high)
    np.testing.assert_allclose(image[middle], (values[middle] - low) / (high - low) * 255, atol=0.51)


def test_an_outlier_does_not_darken_the_rest(smooth):
    values = smooth().astype(np.float32)
    marked = values.copy()
    marked[0, 0] = 1e6
    difference = window(marked, (0.5, 99.5)).astype(int) - window(values, (0.5, 99.5))
    assert np.abs(difference.ravel()[1:]).max() <= 2


def test_a_constant_image_is_black():
    assert not window(np.full((8, 8), 7, np.float32), (0.5, 99.5)).any()


def test_shrinking_takes_the_mean_over_the_area():
    image = np.random.default_rng(0).integers(0, 256, (64, 32)).astype(np.uint8)
    expected = image.reshape(16, 4, 8, 4).mean(axis=(1, 3))
    assert fit(image, 16, "pad").shape == (16, 8)
    np.testing.assert_allclose(fit(image, 16, "pad"), expected, atol=1)  # each axis rounds once


def test_enlarging_is_smooth_and_keeps_what_was_there():
    image = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (25, 1))
    large = fit(image, 100, "pad")
    assert large.shape == (100, 100)
    assert np.abs(np.diff(large.astype(int), axis=1)).max() <= 4
    assert np.abs(fit(large, 25, "pad").astype(int) - image).max() <= 2


@pytest.mark.parametrize(
    ("shape", "padded", "stretched"),
    [
        ((30, 20), (60, 40), (60, 60)),
        ((10, 30), (20, 60), (60, 60)),
        ((60, 60), (60, 60), (60, 60)),
        ((1, 500), (1, 60), (60, 60)),
    ],
)
def test_aspect_is_kept_or_not_as_asked(shape, padded, stretched):
    assert fit(np.zeros(shape, np.uint8), 60, "pad").shape == padded
    assert fit(np.zeros(shape, np.uint8), 60, "stretch").shape == stretched


def test_padding_is_black_and_equal_on_both_sides():
    square = pad_to_square(np.full((4, 8), 9, np.uint8), 8)
    assert square.shape == (8, 8)
    assert square[2:6].min() == 9
    assert not square[:2].any()
    assert not square[6:].any()
