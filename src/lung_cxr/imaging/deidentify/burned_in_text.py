"""Text burned into the pixels (names, numbers, dates): found, blacked out, looked for again (DESIGN §6)."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.deidentify import text_reader
from lung_cxr.imaging.reasons import Rejection

DETECTOR_VERSION = 3  # raise it with every change of what is found: it is part of the fingerprint of the settings
MAX_PASSES = 4  # times that text is blacked out before an image is given up
MARGIN = 0.3  # of a line's height, blacked out around it: the detector's boxes graze accents and tails

# Chosen on the public radiographs: vertebrae, ribs and lungs are taken for text too, but as large boxes, read unsurely.
# Heights are of the image's longer side.
MIN_CHARACTERS = 2  # letters and digits; one alone is a side marker (L, R, T, P, Л, П), or a rib's edge
LINE_ASPECT, LINE_HEIGHT = 4.0, 0.08  # long and low: a line, also where it is too small or too faint to be read
WORD_ASPECT, WORD_SCORE = 2.2, 0.45  # a low box that is wider than two characters
SMALL_HEIGHT, SMALL_SCORE = 0.06, 0.6  # any other low box
LARGE_HEIGHT, MEDIUM_SCORE, LARGE_SCORE = 0.12, 0.8, 0.9  # higher ones
FOREIGN_ASPECT = 1.5  # sure blanks wider than one letter: a script that the recogniser does not know, as Cyrillic
LARGE_CHARACTERS = 3  # different ones in the highest: "0000" is a spine, "Dod" was a heart
UPSIDE_DOWN_SCORE = 0.8  # below it, upright text was turned

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TextBox:
    """One piece of text in an image. Its text stays in memory: it is never logged or written.

    Attributes:
        corners: (4, 2) float32, column and row in pixels, clockwise.
        text: As read; with fewer than two letters or digits it could not be read.
        score: The recogniser's confidence, 0…1.
    """

    corners: npt.NDArray[np.float32]
    text: str
    score: float

    @property
    def is_read(self) -> bool:
        """Whether more than a single letter was made out."""
        return sum(map(str.isalnum, self.text)) >= MIN_CHARACTERS

    @property
    def size(self) -> tuple[float, float]:
        """Length and height of the line in pixels, however it is turned."""
        sides = cv2.minAreaRect(self.corners)[1]
        return max(sides), max(1.0, min(sides))


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
    side = max(image.shape)
    boxes = _read(image, quads)
    doubtful = [position for position, box in enumerate(boxes) if not is_text(box, side)]
    for position, turned in zip(doubtful, _read(image, quads[doubtful], upside_down=True), strict=True):
        if turned.score >= UPSIDE_DOWN_SCORE:
            boxes[position] = turned
    return [box for box in boxes if is_text(box, side)]


def is_text(box: TextBox, side: int) -> bool:
    """Whether a box holds text that may name somebody: no single letter, no piece of anatomy.

    Args:
        box: As detected and read.
        side: The image's longer side, pixels.
    """
    length, height = box.size
    aspect, height = length / height, height / side
    if aspect >= LINE_ASPECT and height <= LINE_HEIGHT:
        return True
    if aspect >= WORD_ASPECT and height <= SMALL_HEIGHT:
        needed = WORD_SCORE
    elif height <= SMALL_HEIGHT:
        needed = SMALL_SCORE
    else:
        needed = MEDIUM_SCORE if height <= LARGE_HEIGHT else LARGE_SCORE
    if height > LARGE_HEIGHT and len(set(filter(str.isalnum, box.text.casefold()))) < LARGE_CHARACTERS:
        return False
    is_foreign = box.text.isspace() and aspect >= FOREIGN_ASPECT
    return (box.is_read or is_foreign) and box.score >= needed


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
    smooth = image  # looked at in place of black bars, which would outshine what stands beside them
    found: list[TextBox] = []
    for _ in range(MAX_PASSES + 1):
        boxes = find_text(smooth)
        if not boxes:
            return Cleared(blacken(image, found), smooth, len(found))
        found += boxes
        smooth = _smooth_over(image, found)
    raise Rejection("text_remains", f"after {MAX_PASSES} passes")


def _read(image: Grey, quads: text_reader.Quads, upside_down: bool = False) -> list[TextBox]:
    reads = text_reader.read(image, quads, upside_down)
    return [TextBox(quad, found.text, found.score) for quad, found in zip(quads, reads, strict=True)]


def _smooth_over(image: Grey, boxes: list[TextBox]) -> Grey:
    """Fill boxes from their surroundings (Telea 2004)."""
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
