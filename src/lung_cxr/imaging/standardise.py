"""Window and resize a radiograph to 8 bits and the store's size (section III.B of the paper: 1024 × 1024)."""

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.reading.radiograph import Lut, Radiograph, StoredValues
from lung_cxr.parameters import StandardiseParameters

cv2.setNumThreads(1)  # one process per core reads images

Grey = npt.NDArray[np.uint8]


def standardise(radiograph: Radiograph, parameters: StandardiseParameters) -> Grey:
    """Window a radiograph and resize it to the store's size, without padding.

    Stored values are shrunk first, so that only the remaining pixels are windowed.

    Returns:
        (h, w) uint8, 0 black; the longer side (`pad`) or both sides (`stretch`) have `parameters.side` pixels.
    """
    small = shrink(radiograph.stored_values, parameters.side, parameters.aspect)
    return enlarge(window(small, radiograph.lut, parameters.percentiles), parameters.side, parameters.aspect)


def window(stored_values: StoredValues, lut: Lut, percentiles: tuple[float, float]) -> Grey:
    """Map a robust range of grey values to 0…255; a constant image becomes black.

    Args:
        stored_values: (H, W) uint8 or uint16.
        lut: (n,) float32, grey value of each stored value.
        percentiles: Percentiles of the grey values that become 0 and 255; values outside are clipped.

    Returns:
        (H, W) uint8, 0 black.
    """
    counts = cv2.calcHist([stored_values], [0], None, [len(lut)], [0, len(lut)]).ravel()
    low, high = _percentiles(lut, counts, percentiles)
    if not high > low:
        return np.zeros(stored_values.shape, np.uint8)
    table = np.zeros(1 << (8 * stored_values.itemsize), np.uint8)
    table[: len(lut)] = np.rint(np.clip((lut - low) * np.float32(255 / (high - low)), 0, 255))
    return np.asarray(cv2.LUT(stored_values, table), np.uint8)


def _percentiles(lut: Lut, counts: npt.NDArray[Any], percentiles: tuple[float, float]) -> Lut:
    """Return percentiles of the grey values by the inverse of their distribution function."""
    present = np.flatnonzero(counts)
    order = present[np.argsort(lut[present], kind="stable")]
    reached = np.cumsum(counts[order], dtype=np.float64)
    reached *= 100 / reached[-1]
    return lut[order[np.minimum(np.searchsorted(reached, percentiles), len(order) - 1)]]


def shrink(pixels: StoredValues, side: int, aspect: Literal["pad", "stretch"]) -> StoredValues:
    """Reduce the longer side (`pad`) or both sides (`stretch`) to `side` pixels by area means.

    An image whose longer side has at most `side` pixels is returned unchanged.

    Args:
        pixels: (H, W) uint8 or uint16.
        side: Target side in pixels.
        aspect: `pad` keeps the aspect ratio, `stretch` does not.
    """
    height, width = pixels.shape
    if max(height, width) <= side:
        return pixels
    columns, rows = _size(height, width, side, aspect)
    while min(width / columns, height / rows) >= 2 and width % 2 == height % 2 == 0:
        # means of 2 × 2 pixels take a twentieth of the time of other ratios
        width, height = width // 2, height // 2
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)


def enlarge(image: Grey, side: int, aspect: Literal["pad", "stretch"]) -> Grey:
    """Enlarge the longer side (`pad`) or both sides (`stretch`) of a smaller image to `side` pixels, bicubic.

    Args:
        image: (H, W) uint8.
        side: Target side in pixels.
        aspect: `pad` keeps the aspect ratio, `stretch` does not.
    """
    height, width = image.shape
    size = _size(height, width, side, aspect)
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _size(height: int, width: int, side: int, aspect: Literal["pad", "stretch"]) -> tuple[int, int]:
    """Return the target columns and rows."""
    if aspect == "stretch":
        return side, side
    scale = side / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def pad_to_square(image: Grey, side: int) -> Grey:
    """Centre an image on a black square of `side` pixels."""
    square = np.zeros((side, side), np.uint8)
    top, left = ((side - length) // 2 for length in image.shape)
    square[top : top + image.shape[0], left : left + image.shape[1]] = image
    return square
