"""Decoded grey values → the store's 8-bit square (section III.B of the paper: 1024 × 1024, intensities normalised)."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

PERCENTILE_SAMPLE = 500_000  # pixels: percentiles of a regular subsample, a tenth of the time on large detectors

Grey = npt.NDArray[np.uint8]


def window(values: npt.NDArray[np.float32], percentiles: tuple[float, float]) -> Grey:
    """Map a robust range of grey values to 0…255; a constant image becomes black.

    Args:
        values: (H, W) float32.
        percentiles: Which two percentiles become 0 and 255; what lies outside is clipped.

    Returns:
        (H, W) uint8, 0 black.
    """
    step = max(1, int(np.sqrt(values.size / PERCENTILE_SAMPLE)))
    low, high = np.percentile(values[::step, ::step], percentiles)
    if not high > low:
        return np.zeros(values.shape, np.uint8)
    scaled = (values - np.float32(low)) * np.float32(255 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def fit(image: Grey, side: int, aspect: Literal["pad", "stretch"]) -> Grey:
    """Resize so that the longer side (`pad`) or both sides (`stretch`) are `side` pixels.

    Shrinking takes the mean over each new pixel's area, enlarging is bicubic.

    Args:
        image: (H, W) uint8.
        side: Pixels.
        aspect: Keep the aspect ratio, to pad it later, or not.
    """
    height, width = image.shape
    scale = side / max(height, width)
    size = (side, side)
    if aspect == "pad":
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    if size == (width, height):
        return image
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(image).resize(size, how))


def pad_to_square(image: Grey, side: int) -> Grey:
    """Centre an image on a black square of `side` pixels."""
    square = np.zeros((side, side), np.uint8)
    top, left = ((side - length) // 2 for length in image.shape)
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return square
