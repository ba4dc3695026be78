"""Find the parts of an image with thin lines as dense as in writing: only they are searched for text.

Two grey-scale morphological operations on the 8-bit image cost about 1 ms; the text detector costs 0.3 ms for every
1,000 pixels. Thresholds were chosen on drawn text with a contrast of 40 grey levels and more.
"""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

CONTEXT = 24  # pixels around dense strokes that the detector sees; it also joins the letters of a line
BLOCK = 8  # pixels: regions are found on a grid of such blocks
MULTIPLE = 32  # the detector's sides are multiples of it
TILE = 384  # pixels at most, a multiple of `MULTIPLE`: the smaller, the less memory
OVERLAP = 64  # pixels: no lower line of text is cut lengthwise by a tile's edge

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Place = tuple[slice, slice]


class StrokeRule(NamedTuple):
    """Strokes of one size of text.

    Attributes:
        width: Side of the structuring element in pixels: wider lines are no strokes of this size.
        contrast: Grey levels above or below the pixels around.
        window: Side of the window in which strokes are counted, in pixels: about a letter.
        share: Share of the window that strokes cover in writing.
        reduction: The image is reduced so many times first.
    """

    width: int
    contrast: int
    window: int
    share: float
    reduction: int = 1


def dense_strokes(image: Grey, rule: StrokeRule) -> Mask:
    """Return where thin bright or dark lines are as dense as in writing (top-hat and black-hat), (H, W) bool."""
    height, width = image.shape
    if rule.reduction > 1:
        size = (max(1, width // rule.reduction), max(1, height // rule.reduction))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    kernel = np.ones((rule.width, rule.width), np.uint8)
    bright, dark = (cv2.morphologyEx(image, how, kernel) for how in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    thin = (np.maximum(bright, dark) >= rule.contrast).astype(np.uint8)
    window = (rule.window, rule.window)
    counts = cv2.boxFilter(thin, -1, window, None, (-1, -1), False, cv2.BORDER_CONSTANT)  # up to 255
    dense = counts >= rule.share * rule.window**2
    return resized(dense, (height, width))


def resized(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return a mask for a reduced or enlarged copy of its image, of so many rows and columns."""
    if mask.shape == shape:
        return mask
    return cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST) > 0


def regions(dense: Mask) -> list[Place]:
    """Return rectangles of at most `TILE` pixels that hold all dense strokes and their context.

    Args:
        dense: (H, W) bool, from `dense_strokes`.
    """
    if not dense.any():
        return []
    padded = np.pad(dense.astype(np.uint8), [(0, -length % BLOCK) for length in dense.shape])
    rows = padded.reshape(-1, BLOCK, padded.shape[1]).max(axis=1)
    blocks = rows.reshape(len(rows), -1, BLOCK).max(axis=2)
    reach = 2 * (CONTEXT // BLOCK) + 1
    grown = cv2.dilate(blocks, np.ones((reach, reach), np.uint8))
    _, _, boxes, _ = cv2.connectedComponentsWithStats(grown)
    found = []
    for left, top, width, height, _ in BLOCK * boxes[1:]:
        upright = _spans(*_multiple(int(top), int(height), dense.shape[0]))
        across = _spans(*_multiple(int(left), int(width), dense.shape[1]))
        found += [place for place in product(upright, across) if dense[place].any()]
    return found


def _multiple(start: int, length: int, limit: int) -> tuple[int, int]:
    """Lengthen a span to a multiple of `MULTIPLE`, as far as the image reaches; return start and length."""
    longer = min(limit, -(-length // MULTIPLE) * MULTIPLE)
    return max(0, min(start - (longer - length) // 2, limit - longer)), longer


def _spans(start: int, length: int) -> Iterator[slice]:
    """Yield the fewest equal tiles that cover a span with an overlap of at least `OVERLAP`."""
    tiles = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    tile = -(-(length + (tiles - 1) * OVERLAP) // tiles)
    step = (length - tile) / max(1, tiles - 1)
    for number in range(tiles):
        first = start + round(number * step)
        yield slice(first, first + tile)
