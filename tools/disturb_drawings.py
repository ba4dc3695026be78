"""Disturb drawings as real radiographs vary: framing, tilt, contrast, uneven background, borders, boxes."""

import numpy as np
from numpy.random import Generator
from PIL import Image
from scipy.ndimage import affine_transform, gaussian_filter

from lung_cxr.synthetic.phantom.projection import Field

SIDE = 128  # pixels
COARSE = 16  # pixels of the uneven background before it is enlarged


def disturb(drawing: Field, generator: Generator) -> Field:
    """Return the image as another room could have taken it.

    Args:
        drawing: (128, 128) float32, 0…1.
        generator: Random stream of this image.

    Returns:
        (128, 128) uint8, stretched over the whole range.
    """
    pixels = np.clip(_framed(drawing, generator), 0, 1) ** generator.uniform(0.5, 1.7)
    down, across = np.mgrid[0:SIDE, 0:SIDE] / SIDE - 0.5
    pixels = pixels + generator.normal(0, 0.15) * down + generator.normal(0, 0.15) * across
    pixels = pixels + generator.uniform(0, 0.15) * _clouds(generator)
    for _ in range(int(generator.integers(0, 3))):
        _add_border(pixels, generator)
    for _ in range(int(generator.integers(0, 4))):
        _add_box(pixels, generator)
    low, high = np.percentile(pixels, (0.5, 99.5))
    return np.clip((pixels - low) / (high - low + 1e-6) * 255, 0, 255).astype(np.uint8)


def _framed(drawing: Field, generator: Generator) -> Field:
    """Change zoom, aspect ratio and centring; tilt slightly."""
    zoom = generator.uniform(0.55, 1.1)
    tall = zoom * np.exp(generator.normal(0, 0.17))
    tilt = generator.normal(0, 0.08)
    cosine, sine = np.cos(tilt), np.sin(tilt)
    matrix = np.array([[tall * cosine, -tall * sine], [zoom * sine, zoom * cosine]])
    middle = np.full(2, SIDE / 2)
    offset = middle + generator.normal(0, (9, 8)) - matrix @ middle
    outside = "nearest" if generator.random() < 0.6 else "constant"
    return affine_transform(drawing, matrix, offset, order=1, mode=outside)


def _clouds(generator: Generator) -> Field:
    """Return a smooth uneven background of unit SD."""
    coarse = gaussian_filter(generator.standard_normal((COARSE, COARSE)), generator.uniform(0.8, 2.5))
    image = Image.fromarray((coarse / coarse.std()).astype(np.float32))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _add_border(pixels: Field, generator: Generator) -> None:
    side = np.rot90(pixels, int(generator.integers(4)))
    side[: int(generator.uniform(0.02, 0.16) * SIDE)] = generator.choice([0.0, 0.0, 0.0, 1.0])


def _add_box(pixels: Field, generator: Generator) -> None:
    height, width = generator.integers(4, 40, 2)
    top, left = generator.integers(-10, SIDE - 10, 2)
    pixels[max(top, 0) : top + height, max(left, 0) : left + width] = generator.choice([0.0, 1.0])
