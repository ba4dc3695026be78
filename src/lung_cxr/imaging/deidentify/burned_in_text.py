"""Find text burned into the pixels (names, numbers, dates, barcodes), black it out and search again."""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.deidentify import text_reader
from lung_cxr.imaging.deidentify.barcodes import find_barcodes
from lung_cxr.imaging.deidentify.stroke_regions import StrokeRule, dense_strokes, regions, resized
from lung_cxr.imaging.deidentify.text_boxes import TextBox, columns_of, is_text
from lung_cxr.imaging.reasons import Rejection

DETECTOR_VERSION = 5  # raise it with every change of the found text: the settings' fingerprint holds it
MAX_PASSES = 4  # passes of blacking out before an image is rejected
# Blacked out around a box, of its height and at least in pixels: the boxes graze accents and descenders.
# A larger margin reaches side markers beside text.
MARGIN, MIN_MARGIN = 0.15, 4.0
MAX_COVERED = 0.7  # share of a box inside earlier boxes: above it the box is the same text at another scale
CHANGED_MARGIN = 48  # pixels around blackened text that the next pass searches again
UPSIDE_DOWN_SCORE = 0.8  # a lower score is that of upright text turned by mistake
SURE_SCORE = 0.95  # of the quick reading: above it the careful one agreed
PLAUSIBLE_SCORE = 0.4  # of the quick reading: below it text was never accepted by the careful one

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


class Scale(NamedTuple):
    """One size of text: the image is reduced, so that the text has a size which the detector knows.

    Attributes:
        factor: Of the image's sides.
        strokes: Rules that select the parts of the reduced image to search.
        highest: Pixels of the reduced image: higher boxes are left to a smaller scale.
    """

    factor: float
    strokes: tuple[StrokeRule, ...]
    highest: int


# The middle scale is first: it finds almost all text of 12 to 70 pixels, and the others search only the rest.
SCALES = (
    Scale(0.5, (StrokeRule(5, 20, 12, 0.25), StrokeRule(7, 36, 12, 0.3, reduction=2)), 160),
    Scale(1.0, (StrokeRule(5, 24, 12, 0.3),), 96),
    Scale(0.25, (StrokeRule(9, 30, 12, 0.35),), 120),
)


class Cleared(NamedTuple):
    """An image without its text.

    Attributes:
        image: (H, W) uint8, to be stored: text is black.
        smooth: (H, W) uint8, to be measured: text is filled from the pixels around it; a black box has sharp edges.
        pieces: Number of boxes that were blacked out.
    """

    image: Grey
    smooth: Grey
    pieces: int


def find_text(image: Grey, where: Mask | None = None) -> list[TextBox]:
    """Return all text, upright, turned or upside down, and all barcodes; side markers are not text.

    Args:
        image: (H, W) uint8, of any size.
        where: (H, W) bool: search only there; by default everywhere.
    """
    found = [TextBox(corners, "", 1.0) for corners in find_barcodes(image)]
    for scale in SCALES:
        found += _find_at(scale, image, where, found)
    return found


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
    changed: Mask | None = None
    smooth = image  # searched instead of the black boxes, whose edges would hide fainter text beside them
    found: list[TextBox] = []
    for _ in range(MAX_PASSES + 1):
        boxes = find_text(smooth, changed)
        if not boxes:
            return Cleared(blacken(image, found), smooth, len(found))
        found += boxes
        smooth = _smooth_over(image, found)
        changed = cv2.dilate(_covered(image, boxes).astype(np.uint8), np.ones((2 * CHANGED_MARGIN + 1,) * 2)) > 0
    raise Rejection("text_remains", f"after {MAX_PASSES} passes")


def _find_at(scale: Scale, image: Grey, where: Mask | None, known: list[TextBox]) -> list[TextBox]:
    """Return the text of one size that is not in known boxes, in the image's pixels."""
    factor = scale.factor
    small = image if factor == 1 else cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    small = np.asarray(small, np.uint8)
    dense = np.logical_or.reduce([dense_strokes(small, rule) for rule in scale.strokes])
    if where is not None:
        dense &= resized(where, small.shape)
    covered = _covered(image, known) if known else None
    if covered is not None:
        dense &= ~resized(covered, small.shape)
    quads, likelihoods = text_reader.detect(small, regions(dense))
    boxes = [TextBox(quad, "", 0.0, float(likelihood)) for quad, likelihood in zip(quads, likelihoods, strict=True)]
    boxes = [box for box in boxes if box.size[1] <= scale.highest]
    if covered is not None:
        boxes = [box for box in boxes if _share_in(resized(covered, small.shape), box) <= MAX_COVERED]
    read = _read(small, boxes, max(small.shape), factor == 1)
    return [replace(box, corners=box.corners / np.float32(factor)) for box in read]


def _read(image: Grey, boxes: list[TextBox], side: int, accept_unread: bool) -> list[TextBox]:
    """Return the boxes that hold text, upright or upside down, and columns of letters.

    A quick reading leaves a few boxes for the careful one.
    """
    found, letters = [], []
    for upside_down in (False, True):
        quick = _recognised(image, boxes, upside_down, is_quick=True)
        letters += [box for box in quick if box.is_letter]
        boxes = [box for box in quick if not box.is_letter]
        text = [box for box in boxes if box.score >= SURE_SCORE and is_text(box, side, accept_unread)]
        plausible = [box for box in _without(boxes, text) if _is_plausible(box) or is_text(box, side, accept_unread)]
        careful = _recognised(image, plausible, upside_down, is_quick=False)
        needed = UPSIDE_DOWN_SCORE if upside_down else 0.0
        text += [box for box in careful if box.score >= needed and is_text(box, side, accept_unread)]
        found += text
        boxes = _without(boxes, text)
    return found + columns_of(letters)


def _without(boxes: list[TextBox], known: list[TextBox]) -> list[TextBox]:
    """Return the boxes whose corners are not those of known boxes."""
    corners = {id(box.corners) for box in known}
    return [box for box in boxes if id(box.corners) not in corners]


def _is_plausible(box: TextBox) -> bool:
    return (box.is_read or box.text.isspace()) and box.score >= PLAUSIBLE_SCORE


def _recognised(image: Grey, boxes: list[TextBox], upside_down: bool, is_quick: bool) -> list[TextBox]:
    quads = np.array([box.corners for box in boxes], np.float32)
    reads = text_reader.read(image, quads, upside_down, is_quick)
    return [replace(box, text=found.text, score=found.score) for box, found in zip(boxes, reads, strict=True)]


def _smooth_over(image: Grey, boxes: list[TextBox]) -> Grey:
    """Fill boxes from the pixels around them (Telea 2004)."""
    return np.asarray(cv2.inpaint(image, _covered(image, boxes).astype(np.uint8), 3, cv2.INPAINT_TELEA))


def _covered(image: Grey, boxes: list[TextBox]) -> Mask:
    """Return a mask of the boxes with their margins, (H, W) bool."""
    mask = np.zeros(image.shape, np.uint8)
    for box in boxes:
        (x, y), (width, height), angle = cv2.minAreaRect(box.corners)
        margin = 2 * max(MIN_MARGIN, MARGIN * min(width, height))
        grown = cv2.boxPoints(((x, y), (width + margin, height + margin), angle))
        cv2.fillConvexPoly(mask, np.rint(grown).astype(np.int32), 1)
    return mask.astype(bool)


def _share_in(covered: Mask, box: TextBox) -> float:
    """Return the share of a box that a mask covers."""
    own = cv2.fillConvexPoly(np.zeros(covered.shape, np.uint8), np.rint(box.corners).astype(np.int32), 1).astype(bool)
    return float(covered[own].mean()) if own.any() else 1.0
