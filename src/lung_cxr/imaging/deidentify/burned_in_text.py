"""Find text burned into the pixels (names, numbers, dates, barcodes), black it out and search again."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.deidentify import text_reader
from lung_cxr.imaging.deidentify.barcodes import find_barcodes
from lung_cxr.imaging.reasons import Rejection

DETECTOR_VERSION = 4  # raise it with every change of the found text: the settings' fingerprint holds it
MAX_PASSES = 4  # passes of blacking out before an image is rejected
MARGIN = 0.3  # of a line's height, blacked out around it: the detector's boxes graze accents and descenders
SCALES = (1.0, 0.5, 0.25)  # of the image: small, middle and large text
MAX_COVERED = 0.7  # share of a box inside earlier boxes: above it the box is the same text at another scale

# Chosen on public radiographs: vertebrae, ribs and lungs are taken for text too, but as large boxes with low scores.
# Heights are fractions of the image's longer side.
MIN_CHARACTERS = 2  # letters and digits; a single one is a side marker (L, R, T, P, Л, П) or a rib's edge
LINE_ASPECT, LINE_HEIGHT = 4.0, 0.08  # long and low: a line, even if it is too small or too faint to be read
WORD_ASPECT, WORD_SCORE = 2.2, 0.45  # a low box that is wider than two characters
SMALL_HEIGHT, SMALL_SCORE = 0.06, 0.6  # any other low box
LARGE_HEIGHT, MEDIUM_SCORE, LARGE_SCORE = 0.12, 0.8, 0.9  # higher boxes
FOREIGN_ASPECT = 1.5  # certain blanks wider than one letter: a script unknown to the recogniser, such as Cyrillic
LARGE_CHARACTERS = 3  # different characters in the highest boxes: "0000" was a spine, "Dod" was a heart
CERTAIN_SCORE = 0.98  # with it, two different characters suffice
SURE_LIKELIHOOD, DOUBTFUL_SCORE = 0.5, 0.9  # a less likely box counts only if it is read with certainty
UPSIDE_DOWN_SCORE = 0.8  # a lower score is that of upright text turned by mistake

Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class TextBox:
    """One piece of text in an image. The text stays in memory: it is never logged or written.

    Attributes:
        corners: (4, 2) float32, column and row in pixels, clockwise.
        text: Recognised text; with fewer than two letters or digits it is unread.
        score: Confidence of the recogniser, 0…1.
        likelihood: Mean likelihood of text in the box by the detector, 0…1.
    """

    corners: npt.NDArray[np.float32]
    text: str
    score: float
    likelihood: float = 1.0

    @property
    def is_read(self) -> bool:
        """Return whether more than a single letter was recognised."""
        return sum(map(str.isalnum, self.text)) >= MIN_CHARACTERS

    @property
    def size(self) -> tuple[float, float]:
        """Return length and height of the line in pixels, independent of its direction."""
        sides = cv2.minAreaRect(self.corners)[1]
        return max(sides), max(1.0, min(sides))


class Cleared(NamedTuple):
    """An image without its text.

    Attributes:
        image: (H, W) uint8, to be stored: text is black.
        smooth: (H, W) uint8, to be measured: text is filled from its surroundings, because a black box has sharp edges.
        pieces: Number of boxes that were blacked out.
    """

    image: Grey
    smooth: Grey
    pieces: int


def find_text(image: Grey) -> list[TextBox]:
    """Return all text, upright, turned or upside down, and all barcodes; side markers are not text.

    Args:
        image: (H, W) uint8, of any size.
    """
    found = [TextBox(corners, "", 1.0) for corners in find_barcodes(image)]
    for scale in SCALES:
        boxes = _find_at(scale, image)
        covered = _covered(image, found) if found else None
        found += [box for box in boxes if covered is None or _share_in(covered, box) <= MAX_COVERED]
    return found


def is_text(box: TextBox, side: int, accept_unread: bool = True) -> bool:
    """Return whether a box holds text that may identify a person: no single letter, no piece of anatomy.

    Args:
        box: Detected and read box.
        side: Longer side of the image in pixels.
        accept_unread: Accept a long, low box that could not be read. In a reduced image that is a trachea or a spine.
    """
    length, height = box.size
    aspect, height = length / height, height / side
    if box.likelihood < SURE_LIKELIHOOD:
        return box.is_read and box.score >= DOUBTFUL_SCORE
    if accept_unread and aspect >= LINE_ASPECT and height <= LINE_HEIGHT:
        return True
    if aspect >= WORD_ASPECT and height <= SMALL_HEIGHT:
        needed = WORD_SCORE
    elif height <= SMALL_HEIGHT:
        needed = SMALL_SCORE
    else:
        needed = MEDIUM_SCORE if height <= LARGE_HEIGHT else LARGE_SCORE
    different = LARGE_CHARACTERS - (box.score >= CERTAIN_SCORE)
    if height > LARGE_HEIGHT and len(set(filter(str.isalnum, box.text.casefold()))) < different:
        return False
    is_foreign = box.text.isspace() and aspect >= FOREIGN_ASPECT
    return (box.is_read or is_foreign) and box.score >= needed


def blacken(image: Grey, boxes: list[TextBox]) -> Grey:
    """Return a copy in which the boxes and a margin around them are 0.

    Args:
        image: (H, W) uint8.
        boxes: Result of `find_text` on this image.
    """
    return np.where(_covered(image, boxes), np.uint8(0), image)


def redact(image: Grey) -> Cleared:
    """Black out text until a further search finds none.

    Args:
        image: (H, W) uint8.

    Raises:
        Rejection: `text_remains`: every search finds more text.
    """
    smooth = image  # searched instead of the black boxes, whose edges would hide fainter text beside them
    found: list[TextBox] = []
    for _ in range(MAX_PASSES + 1):
        boxes = find_text(smooth)
        if not boxes:
            return Cleared(blacken(image, found), smooth, len(found))
        found += boxes
        smooth = _smooth_over(image, found)
    raise Rejection("text_remains", f"after {MAX_PASSES} passes")


def _find_at(scale: float, image: Grey) -> list[TextBox]:
    """Return the text that is found in a reduced copy of the image, in the image's pixels."""
    small = image if scale == 1 else cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    small = np.asarray(small, np.uint8)
    quads, likelihoods = text_reader.detect(small)
    rules = (max(small.shape), scale == 1)
    boxes = _read(small, quads, likelihoods)
    doubtful = [position for position, box in enumerate(boxes) if not is_text(box, *rules)]
    turned_boxes = _read(small, quads[doubtful], likelihoods[doubtful], upside_down=True)
    for position, turned in zip(doubtful, turned_boxes, strict=True):
        if turned.score >= UPSIDE_DOWN_SCORE:
            boxes[position] = turned
    return [replace(box, corners=box.corners / np.float32(scale)) for box in boxes if is_text(box, *rules)]


def _read(
    image: Grey, quads: text_reader.Quads, likelihoods: text_reader.Likelihoods, upside_down: bool = False
) -> list[TextBox]:
    reads = text_reader.read(image, quads, upside_down)
    return [
        TextBox(quad, found.text, found.score, float(likelihood))
        for quad, likelihood, found in zip(quads, likelihoods, reads, strict=True)
    ]


def _smooth_over(image: Grey, boxes: list[TextBox]) -> Grey:
    """Fill boxes from their surroundings (Telea 2004)."""
    return np.asarray(cv2.inpaint(image, _covered(image, boxes).astype(np.uint8), 3, cv2.INPAINT_TELEA))


def _covered(image: Grey, boxes: list[TextBox]) -> npt.NDArray[np.bool_]:
    """Return a mask of the boxes with their margins, (H, W) bool."""
    mask = np.zeros(image.shape, np.uint8)
    for box in boxes:
        (x, y), (width, height), angle = cv2.minAreaRect(box.corners)
        margin = 2 * max(2.0, MARGIN * min(width, height))
        grown = cv2.boxPoints(((x, y), (width + margin, height + margin), angle))
        cv2.fillConvexPoly(mask, np.rint(grown).astype(np.int32), 1)
    return mask.astype(bool)


def _share_in(covered: npt.NDArray[np.bool_], box: TextBox) -> float:
    """Return the share of a box that a mask covers."""
    own = cv2.fillConvexPoly(np.zeros(covered.shape, np.uint8), np.rint(box.corners).astype(np.int32), 1).astype(bool)
    return float(covered[own].mean()) if own.any() else 1.0
