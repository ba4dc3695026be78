"""Reads a picture for the leak test more suspiciously than ingestion: twice as large too, unsure readings count."""

import cv2
import numpy as np

from lung_cxr.imaging.deidentify import text_reader
from lung_cxr.imaging.deidentify.stroke_regions import regions

MIN_SCORE = 0.3  # half of what ingestion asks for
ENLARGED = 2
MAX_SIDE = 1600  # pixels: letters of a larger picture are large enough


def read_text(pixels: np.ndarray) -> list[str]:
    """Return every piece of text in a picture, (H, W) uint8, as read at each size."""
    pieces = []
    for scale in (1, ENLARGED) if max(pixels.shape) <= MAX_SIDE / ENLARGED else (1,):
        image = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC) if scale > 1 else pixels
        quads, _ = text_reader.detect(image, regions(np.ones(image.shape, bool)))  # everywhere
        found = text_reader.read(image, quads)
        pieces += [one.text for one in found if one.score >= MIN_SCORE and one.text.strip()]
    return pieces
