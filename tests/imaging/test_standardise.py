import numpy as np
import pytest

from lung_cxr.imaging.reading.radiograph import Radiograph, from_pixels
from lung_cxr.imaging.standardise import enlarge, pad_to_square, shrink, standardise, window
from lung_cxr.parameters import StandardiseParameters

IDENTITY = np.arange(65536, dtype=np.float32)


def chosen(side: int, aspect: str = "pad") -> StandardiseParameters:
    return StandardiseParameters(side=side, percentiles=(0.5, 99.5), aspect=aspect, max_inversion=None)


def test_the_window_maps_its_percentiles_to_black_and_white(smooth):
    stored_values = (smooth() * 60000).astype(np.uint16)
    lut = IDENTITY * 0.5 - 5000
    image = window(stored_values, lut, (1, 99))
    values = lut[stored_values]
    low, high = np.percentile(values, (1, 99), method="inverted_cdf")
    assert image.dtype == np.uint8
    assert (image[values <= low] == 0).all()
    assert (image[values >= high] == 255).all()
    middle = (values > low) & (values < high)
    np.testing.assert_allclose(image[middle], (values[middle] - low) / (high - low) * 255, atol=0.51)


def test_the_table_decides_what_is_white(smooth):
    """Inverted grey values give the inverted picture; a curve may even turn back."""
    stored_values = (smooth() * 4095).astype(np.uint16)
    upright = window(stored_values, IDENTITY, (0, 100)).astype(int)
    np.testing.assert_array_equal(window(stored_values, -IDENTITY, (0, 100)), 255 - upright)
    folded = window(stored_values, np.abs(IDENTITY - 2000), (0, 100))
    assert np.abs(folded - np.abs(stored_values - 2000.0) / np.abs(stored_values - 2000.0).max() * 255).max() < 1.5


def test_an_outlier_does_not_darken_the_rest(smooth):
    stored_values = (smooth() * 4095).astype(np.uint16)
    marked = stored_values.copy()
    marked[0, 0] = 65535
    difference = window(marked, IDENTITY, (0.5, 99.5)).astype(int) - window(stored_values, IDENTITY, (0.5, 99.5))
    assert np.abs(difference.ravel()[1:]).max() <= 2


def test_a_constant_image_is_black():
    assert not window(np.full((8, 8), 7, np.uint8), IDENTITY, (0.5, 99.5)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_shrinking_takes_the_mean_over_the_area(dtype):
    image = np.random.default_rng(0).integers(0, 256, (64, 32)).astype(dtype)
    expected = image.reshape(16, 4, 8, 4).mean(axis=(1, 3))
    small = shrink(image, 16, "pad")
    assert (small.shape, small.dtype) == ((16, 8), dtype)
    np.testing.assert_allclose(small, expected, atol=1)  # each step rounds once


@pytest.mark.parametrize("shape", [(500, 400), (501, 401), (500, 401), (1001, 800)])
def test_shrinking_by_any_ratio_keeps_place_and_brightness(shape):
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    ramp = ((x / shape[1] + y / shape[0]) * 30000).astype(np.uint16)
    small = shrink(ramp, 96, "stretch")
    v, u = (np.mgrid[0:96, 0:96] + 0.5) / 96
    assert np.abs(small - (u + v) * 30000).max() < 30000 * 2 / shape[1]


def test_enlarging_is_smooth_and_keeps_what_was_there():
    image = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (25, 1))
    large = enlarge(image, 100, "pad")
    assert large.shape == (100, 100)
    assert np.abs(np.diff(large.astype(int), axis=1)).max() <= 4
    assert np.abs(shrink(large, 25, "pad").astype(int) - image).max() <= 2


@pytest.mark.parametrize(
    ("shape", "padded", "stretched"),
    [
        ((30, 20), (60, 40), (60, 60)),
        ((10, 30), (20, 60), (60, 60)),
        ((60, 60), (60, 60), (60, 60)),
        ((90, 60), (60, 40), (60, 60)),
        ((90, 30), (60, 20), (60, 60)),
        ((1, 500), (1, 60), (60, 60)),
    ],
)
def test_aspect_is_kept_or_not_as_asked(shape, padded, stretched):
    radiograph = from_pixels(np.zeros(shape, np.uint8))
    assert standardise(radiograph, chosen(60)).shape == padded
    assert standardise(radiograph, chosen(60, "stretch")).shape == stretched


def test_shrinking_before_the_window_is_as_after_it(smooth):
    """Shrinking averages stored values; with a linear LUT this equals averaging grey values."""
    stored_values = (smooth(height=400, width=320) * 4095).astype(np.uint16)
    lut = 4095 - np.arange(4096, dtype=np.float32)
    image = standardise(Radiograph(stored_values, lut, *stored_values.shape), chosen(100))
    means = lut[stored_values].reshape(100, 4, 80, 4).mean(axis=(1, 3))
    low, high = np.percentile(means, (0.5, 99.5))
    np.testing.assert_allclose(image, np.clip((means - low) / (high - low) * 255, 0, 255), atol=1.5)


def test_padding_is_black_and_equal_on_both_sides():
    square = pad_to_square(np.full((4, 8), 9, np.uint8), 8)
    assert square.shape == (8, 8)
    assert square[2:6].min() == 9
    assert not square[:2].any()
    assert not square[6:].any()
