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
    lying = [corners[:, ::-1][[0, 3, 2, 1]] for corners in _bars(np.asarray(cv2.transpose(image), np.uint8))]
    return [*upright, *lying]


def _bars(image: Grey) -> list[Corners]:
    """Return the corners of places with many straight vertical edges: regions of possible edges with sure ones."""
    if image.shape[1] < 3:
        return []
    brighter, darker = _edges(image)
    in_row = [cv2.reduce(edges, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S) for edges in (brighter, darker)]
    if not np.any(np.minimum(*in_row) >= SURE_EDGES):
        return []
    edges = np.minimum(_in_window(brighter), _in_window(darker))
    spread = np.ones((BAR_HEIGHT, WINDOW // 2), np.uint8)  # back to the ends of the bars
    possible = cv2.dilate((edges >= POSSIBLE_EDGES).astype(np.uint8), spread)
    _, regions, boxes, _ = cv2.connectedComponentsWithStats(possible)
    sure = np.bincount(regions[edges >= SURE_EDGES], minlength=len(boxes))
    return [_corners(*boxes[region, :4]) for region in np.flatnonzero(sure >= SURE_PIXELS) if region]


def _edges(image: Grey) -> tuple[Grey, Grey]:
    """Return where straight vertical edges begin, 0 or 1: from dark to bright, and from bright to dark, (H, W) each."""
    left, right = image[:, :-2], image[:, 2:]
    starts = []
    for rise in (cv2.subtract(right, left), cv2.subtract(left, right)):  # saturated: negative slopes are 0
        steep = np.zeros(image.shape, np.uint8)
        steep[:, 1:-1] = rise >= EDGE_CONTRAST
        straight = np.asarray(cv2.erode(steep, np.ones((BAR_HEIGHT, 1), np.uint8)), np.uint8)
        straight[:, 1:] = straight[:, 1:] > straight[:, :-1]
        starts.append(straight)
    return starts[0], starts[1]


def _in_window(edges: Grey) -> Grey:
    """Return the number of edges in the window around each pixel, (H, W)."""
    return np.asarray(cv2.boxFilter(edges, -1, (WINDOW, 1), None, (-1, -1), False, cv2.BORDER_CONSTANT), np.uint8)


def _corners(left: int, top: int, width: int, height: int) -> Corners:
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
