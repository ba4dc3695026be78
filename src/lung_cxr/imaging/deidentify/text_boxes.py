"""Judge detected and read boxes: text that may identify a person, a side marker, or anatomy."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

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
LETTER_SCORE = 0.9  # of a single letter
COLUMN_LETTERS = 3  # letters in a row or column: side markers stand alone
COLUMN_GAP = 2.5  # largest distance of neighbouring letters' centres, as a multiple of the smaller letter's length


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
    def is_letter(self) -> bool:
        """Return whether exactly one letter or digit was recognised, with certainty."""
        return sum(map(str.isalnum, self.text)) == 1 and self.score >= LETTER_SCORE

    @property
    def size(self) -> tuple[float, float]:
        """Return length and height of the line in pixels, independent of its direction."""
        sides = cv2.minAreaRect(self.corners)[1]
        return max(sides), max(1.0, min(sides))


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


def columns_of(letters: Sequence[TextBox]) -> list[TextBox]:
    """Return one box around each group of neighbouring letters, such as a name written downwards.

    Args:
        letters: Boxes with one letter each.
    """
    if len(letters) < COLUMN_LETTERS:
        return []
    from scipy.sparse import coo_matrix  # only here: every command would start 0.3 s later
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    centres = np.array([box.corners.mean(axis=0) for box in letters])
    lengths = np.array([box.size[0] for box in letters])
    one, other = cKDTree(centres).query_pairs(COLUMN_GAP * lengths.max(), output_type="ndarray").T
    smaller, larger = np.minimum(lengths[one], lengths[other]), np.maximum(lengths[one], lengths[other])
    gaps = np.linalg.norm(centres[one] - centres[other], axis=1)
    near = (gaps <= COLUMN_GAP * smaller) & (larger <= 2 * smaller)
    graph = coo_matrix((near[near], (one[near], other[near])), (len(letters),) * 2)
    _, group = connected_components(graph, directed=False)
    members = [np.flatnonzero(group == number) for number in np.flatnonzero(np.bincount(group) >= COLUMN_LETTERS)]
    return [_joined([letters[int(position)] for position in positions]) for positions in members]


def _joined(boxes: list[TextBox]) -> TextBox:
    """Return the smallest rectangle around boxes."""
    corners = cv2.boxPoints(cv2.minAreaRect(np.concatenate([box.corners for box in boxes])))
    return TextBox(
        np.asarray(corners, np.float32),
        "".join(box.text for box in boxes),
        min(box.score for box in boxes),
        min(box.likelihood for box in boxes),
    )
