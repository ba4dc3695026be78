"""Frontal and lateral images as a whole."""

import numpy as np
import pytest
from PIL import Image

from lung_cxr.diseases import DISEASES
from lung_cxr.synthetic.phantom.frontal import draw_radiograph
from lung_cxr.synthetic.phantom.lateral import draw_lateral


@pytest.mark.parametrize("disease", DISEASES)
def test_an_image_depends_on_its_random_stream_alone_and_is_finite(chest, disease):
    first, second = (draw_radiograph(np.random.default_rng(5), chest, disease, "PA", 128).pixels for _ in range(2))
    assert first.dtype == np.float32
    assert max(first.shape) <= 128 < 1.1 * max(first.shape)
    assert np.isfinite(first).all()
    assert np.array_equal(first, second)
    assert np.percentile(first, 99) - np.percentile(first, 1) > 0.6  # uses the grey scale


def test_a_lateral_image_differs_from_frontal_ones(chest):
    images = [
        draw_radiograph(np.random.default_rng(1), chest, "COVID-19", "PA", 128),
        draw_radiograph(np.random.default_rng(2), chest, "Tuberculosis", "PA", 128),
        draw_lateral(np.random.default_rng(3), chest, 128),
    ]
    frontal, another, lateral = (np.asarray(Image.fromarray(image.pixels).resize((64, 64))).ravel() for image in images)
    assert np.corrcoef(frontal, another)[0, 1] > np.corrcoef(frontal, lateral)[0, 1] + 0.1
