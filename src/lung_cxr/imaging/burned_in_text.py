"""Text burned into the pixels (names, numbers, dates): found, blacked out, looked for again (DESIGN §6)."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging import text_reader
from lung_cxr.imaging.reasons import Rejection

DETECTOR_VERSION = 1  # raise it with every change of what is found: it is part of the fingerprint of the settings
MAX_PASSES = 4  # times that text is blacked out before an image is given up
MIN_SCORE = 0.6  # the recogniser's confidence
MIN_CHARACTERS = 2  # letters and digits; one alone is a side marker (L, R, T, P, Л, П), or a rib's edge
MARGIN = 0.3  # of a line's height, blacked out around it: the detector's boxes graze accents and tails

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TextBox:
    """One piece of text in an image. Its text stays in memory: it is never logged or written.

    Attributes:
        corners: (4, 2) float32, column and row in pixels, clockwise.
        text: As read.
        score: Confidence, 0…1.
    """

    corners: npt.NDArray[np.float32]
    text: str
    score: float


class Cleared(NamedTuple):
    """An image without its text.

    Attributes:
        image: (H, W) uint8, to be stored: text black.
        smooth: (H, W) uint8, to be measured: text filled from its surroundings, since a black box has sharp edges.
        pieces: How many were blacked out.
    """

    image: Grey
    smooth: Grey
    pieces: int


def find_text(image: Grey) -> list[TextBox]:
    """Return everything that reads as text, upright, turned or upside down, but side markers.

    Args:
        image: (H, W) uint8, of any size.
    """
    quads = text_reader.detect(image)
    upright = text_reader.read(image, quads)
    doubtful = [position for position, found in enumerate(upright) if not is_text(found.text, found.score)]
    turned = dict(zip(doubtful, text_reader.read(image, quads[doubtful], upside_down=True), strict=True))
    reads = [turned.get(position, found) for position, found in enumerate(upright)]
    boxes = [TextBox(quad, found.text, found.score) for quad, found in zip(quads, reads, strict=True)]
    return [box for box in boxes if is_text(box.text, box.score)]


def is_text(text: str, score: float) -> bool:
    """Whether what was read is text that may name somebody: no single letter, no guess."""
    return sum(map(str.isalnum, text)) >= MIN_CHARACTERS and score >= MIN_SCORE


def blacken(image: Grey, boxes: list[TextBox]) -> Grey:
    """Return a copy with the boxes and a margin around them at 0.

    Args:
        image: (H, W) uint8.
        boxes: From `find_text` on this image.
    """
    return np.where(_covered(image, boxes), np.uint8(0), image)


def redact(image: Grey) -> Cleared:
    """Black out text until a further look finds none.

    Args:
        image: (H, W) uint8.

    Raises:
        Rejection: `text_remains`, where every look finds more.
    """
    cleared = image
    found: list[TextBox] = []
    for _ in range(MAX_PASSES + 1):
        boxes = find_text(cleared)
        if not boxes:
            return Cleared(cleared, _smooth_over(image, found), len(found))
        found += boxes
        cleared = blacken(cleared, boxes)
    raise Rejection("text_remains", f"after {MAX_PASSES} passes")


def _smooth_over(image: Grey, boxes: list[TextBox]) -> Grey:
    """Fill boxes from their surroundings (Telea 2004)."""
    if not boxes:
        return image
    return np.asarray(cv2.inpaint(image, _covered(image, boxes).astype(np.uint8), 3, cv2.INPAINT_TELEA))


def _covered(image: Grey, boxes: list[TextBox]) -> npt.NDArray[np.bool_]:
    """(H, W) bool: the boxes with their margins."""
    mask = np.zeros(image.shape, np.uint8)
    for box in boxes:
        (x, y), (width, height), angle = cv2.minAreaRect(box.corners)
        margin = 2 * max(2.0, MARGIN * min(width, height))
        grown = cv2.boxPoints(((x, y), (width + margin, height + margin), angle))
        cv2.fillConvexPoly(mask, np.rint(grown).astype(np.int32), 1)
    return mask.astype(bool)
