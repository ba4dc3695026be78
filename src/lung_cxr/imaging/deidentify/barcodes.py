"""Find barcodes: rows of parallel bars, upright or lying. Two-dimensional codes and turned ones are not found."""

import cv2
import numpy as np
import numpy.typing as npt

BAR_HEIGHT = 17  # pixels over which an edge must be straight: ribs and vessels are not
WINDOW = 96  # pixels across the bars in which edges are counted
EDGE_CONTRAST = 24  # grey levels between two neighbours of a pixel
SURE_EDGES, POSSIBLE_EDGES = 5, 3  # dark-to-bright edges in a window, and as many bright-to-dark
SURE_PIXELS = 800  # with sure edges: drawn barcodes have 5,000 and more, crossing cables had 159

Grey = npt.NDArray[np.uint8]
Corners = npt.NDArray[np.float32]


def find_barcodes(image: Grey) -> list[Corners]:
    """Return the corners of every barcode, (4, 2) float32: column and row, clockwise from the upper left.

    Args:
        image: (H, W) uint8.
    """
    upright = _bars(image)
    lying = [corners[:, ::-1][[0, 3, 2, 1]] for corners in _bars(np.ascontiguousarray(image.T))]
    return [*upright, *lying]


def _bars(image: Grey) -> list[Corners]:
    """Return the corners of places with many straight vertical edges: regions of possible edges with sure ones."""
    edges = _edges_in_window(image)
    spread = np.ones((BAR_HEIGHT, WINDOW // 2), np.uint8)  # back to the ends of the bars
    possible = cv2.dilate((edges >= POSSIBLE_EDGES).astype(np.uint8), spread)
    _, regions, boxes, _ = cv2.connectedComponentsWithStats(possible)
    sure = np.bincount(regions[edges >= SURE_EDGES], minlength=len(boxes))
    return [_corners(*boxes[region, :4]) for region in np.flatnonzero(sure >= SURE_PIXELS) if region]


def _edges_in_window(image: Grey) -> npt.NDArray[np.float32]:
    """Return the number of vertical edges of the rarer direction in the window round each pixel, (H, W)."""
    slope = np.zeros(image.shape, np.int16)
    slope[:, 1:-1] = image[:, 2:].astype(np.int16) - image[:, :-2]
    counts = []
    for towards in (slope, -slope):
        straight = cv2.erode(towards, np.ones((BAR_HEIGHT, 1), np.uint8)) >= EDGE_CONTRAST
        first = straight.copy()
        first[:, 1:] &= ~straight[:, :-1]
        counts.append(
            cv2.boxFilter(first.astype(np.float32), -1, (WINDOW, 1), None, (-1, -1), False, cv2.BORDER_CONSTANT)
        )
    return np.minimum(*counts)


def _corners(left: int, top: int, width: int, height: int) -> Corners:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
