"""Stored values → the store's 8-bit square (section III.B of the paper: 1024 × 1024, intensities normalised)."""

from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.reading.radiograph import Codes, Radiograph
from lung_cxr.parameters import StandardiseParameters

cv2.setNumThreads(1)  # each process has a core of its own

Grey = npt.NDArray[np.uint8]


def standardise(radiograph: Radiograph, chosen: StandardiseParameters) -> Grey:
    """Window a radiograph and bring it to the store's size, not yet padded.

    Stored values are shrunk first, so that only what is kept is windowed.

    Returns:
        (h, w) uint8, 0 black; the longer side (`pad`) or both (`stretch`) `chosen.side` pixels.
    """
    small = shrink(radiograph.codes, chosen.side, chosen.aspect)
    return enlarge(window(small, radiograph.shown, chosen.percentiles), chosen.side, chosen.aspect)


def window(codes: Codes, shown: npt.NDArray[np.float32], percentiles: tuple[float, float]) -> Grey:
    """Map a robust range of grey values to 0…255; a constant image becomes black.

    Args:
        codes: (H, W) uint8 or uint16.
        shown: (n,) float32, the grey value of each code.
        percentiles: Which two percentiles become 0 and 255; what lies outside is clipped.

    Returns:
        (H, W) uint8, 0 black.
    """
    counts = cv2.calcHist([codes], [0], None, [len(shown)], [0, len(shown)]).ravel()
    low, high = _percentiles(shown, counts, percentiles)
    if not high > low:
        return np.zeros(codes.shape, np.uint8)
    table = np.zeros(1 << (8 * codes.itemsize), np.uint8)
    table[: len(shown)] = np.rint(np.clip((shown - low) * np.float32(255 / (high - low)), 0, 255))
    return np.asarray(cv2.LUT(codes, table), np.uint8)


def _percentiles(
    shown: npt.NDArray[np.float32], counts: npt.NDArray[Any], percentiles: tuple[float, float]
) -> npt.NDArray[np.float32]:
    """The grey values that so many percent of the pixels reach or lie below (inverse of the distribution function)."""
    present = np.flatnonzero(counts)
    order = present[np.argsort(shown[present], kind="stable")]
    reached = np.cumsum(counts[order], dtype=np.float64)
    reached *= 100 / reached[-1]
    return shown[order[np.minimum(np.searchsorted(reached, percentiles), len(order) - 1)]]


def shrink(pixels: Codes, side: int, aspect: Literal["pad", "stretch"]) -> Codes:
    """Make the longer side (`pad`) or both sides (`stretch`) `side` pixels, each the mean over its area.

    An image whose longer side is not longer than `side` stays as it is.

    Args:
        pixels: (H, W) uint8 or uint16.
        side: Pixels.
        aspect: Keep the aspect ratio, to pad it later, or not.
    """
    height, width = pixels.shape
    if max(height, width) <= side:
        return pixels
    columns, rows = _size(height, width, side, aspect)
    while min(width / columns, height / rows) >= 2 and width % 2 == height % 2 == 0:
        width, height = width // 2, height // 2  # means of four: a twentieth of the time of other ratios
        pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.resize(pixels, (columns, rows), interpolation=cv2.INTER_AREA)


def enlarge(image: Grey, side: int, aspect: Literal["pad", "stretch"]) -> Grey:
    """Make a smaller image's longer side (`pad`) or both sides (`stretch`) `side` pixels, bicubic.

    Args:
        image: (H, W) uint8.
        side: Pixels.
        aspect: Keep the aspect ratio, to pad it later, or not.
    """
    height, width = image.shape
    size = _size(height, width, side, aspect)
    if size == (width, height):
        return image
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _size(height: int, width: int, side: int, aspect: Literal["pad", "stretch"]) -> tuple[int, int]:
    """Columns and rows."""
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
