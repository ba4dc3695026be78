"""Find the bits of a stored word that hold the value, even if BitsStored, HighBit or the sign are wrong (PS3.5 §8.1.1).

Values above BitsStored, left-aligned values and a wrong sign wrap around: neighbouring pixels then differ by a power of
two. Where a header leaves more than one reading possible, the smoother one is taken. A correct header costs two
passes over the pixels and never loses to another reading.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.reading.radiograph import StoredValues
from lung_cxr.imaging.reasons import Rejection

SAMPLED_ROWS = 128  # rows in which neighbouring pixels are compared
NOISE = (
    0.15  # mean step between neighbours over the range of values; radiographs have less than 0.1, uniform noise 0.33
)
NO_IMAGE = 0.2  # above it even the best reading is noise
MIN_PAIRS = 1000  # fewer pairs of neighbours do not show whether an image is noise

Words = npt.NDArray[np.unsignedinteger]


class Bits(NamedTuple):
    """Position and sign of a value within a word.

    Attributes:
        width: Bits of the value.
        below: Unused bits below the value.
        signed: Whether values are in two's complement.
    """

    width: int
    below: int
    signed: bool

    @property
    def mask(self) -> int:
        """Return the word in which only the bits of the value are set."""
        return ((1 << self.width) - 1) << self.below

    @property
    def smallest(self) -> int:
        """Return the smallest possible value."""
        return -(1 << (self.width - 1)) if self.signed else 0

    def extract(self, words: Words) -> StoredValues:
        """Return the values of words, counted from the smallest possible value, as uint8 or uint16."""
        one = words.dtype.type
        values = words >> one(self.below) if self.below else words
        largest = (1 << self.width) - 1
        if values.max(initial=0) > largest:  # rare, and the check takes half the time of a copy
            values = values & one(largest)
        return values ^ one(1 << (self.width - 1)) if self.signed else values


def find_bits(words: Words, declared: Bits, word_width: int, padding: npt.NDArray[np.bool_] | None) -> Bits:
    """Return the declared bits if the words agree with them, else the reading that gives the smoothest image.

    Args:
        words: (H, W) uint8 or uint16.
        declared: Bits that the header declares.
        word_width: Bits of a word: BitsAllocated, or the precision of a compressed stream.
        padding: (H, W) bool, pixels outside the image; None without padding.

    Raises:
        Rejection: `implausible_pixels` if header and words disagree and no reading gives an image.
    """
    others = _other_readings(words if padding is None else words[~padding], declared, word_width)
    if not others:
        return declared
    pairs = _Neighbours(words, padding)
    chosen = declared
    for other in others:
        if pairs.prefer(other, chosen):
            chosen = other
    if pairs.roughness(chosen) > NO_IMAGE:
        raise Rejection("implausible_pixels", "bits")
    return chosen


def _other_readings(words: Words, declared: Bits, word_width: int) -> list[Bits]:
    """Return the readings to compare with the declared one; none if the words agree with the header."""
    if words.size == 0:
        return []
    varying = int(np.bitwise_or.reduce(words, axis=None)) ^ int(np.bitwise_and.reduce(words, axis=None))
    if varying & ~declared.mask:
        if declared.signed and _is_sign_extended(words, declared):
            return []
        return [Bits(declared.width, declared.below, False), Bits(word_width, 0, True), Bits(word_width, 0, False)]
    sign = 1 << (declared.below + declared.width - 1)
    if declared.signed:
        return [declared._replace(signed=False)] if (words & words.dtype.type(sign)).any() else []
    is_hollow = declared.width > 8 and varying & sign and _is_hollow(words, declared)
    return [declared._replace(signed=True)] if is_hollow else []


def _is_sign_extended(words: Words, declared: Bits) -> bool:
    values = words.view(f"i{words.itemsize}") >> declared.below
    return bool(values.min() >= declared.smallest and values.max() < -declared.smallest)


def _is_hollow(words: Words, declared: Bits) -> bool:
    """Return whether no value lies in the middle half of the range, as if small signed values were read unsigned."""
    quarter = 1 << (declared.width - 2)
    # a few rows answer for almost every image; three temporary arrays of a whole image take a tenth of its time
    for part in (words[::SAMPLED_ROWS], words):
        values = declared.extract(part)
        if ((values >= quarter) & (values < 3 * quarter)).any():
            return False
    return True


class _Neighbours:
    """Pairs of horizontally neighbouring pixels in some rows."""

    def __init__(self, words: Words, padding: npt.NDArray[np.bool_] | None):
        rows = np.unique(np.linspace(0, len(words) - 1, min(len(words), SAMPLED_ROWS)).astype(int))
        self._words = words[rows]
        outside = np.zeros(self._words.shape, bool) if padding is None else padding[rows]
        self._inside = ~(outside[:, 1:] | outside[:, :-1])

    def _steps(self, bits: Bits) -> npt.NDArray[np.int32]:
        """Return the differences between the values of neighbours."""
        values = bits.extract(self._words).astype(np.int32)
        return np.abs(np.diff(values, axis=1))[self._inside]

    def roughness(self, bits: Bits) -> float:
        """Return the mean step between neighbours over the range P1…P99 of the values."""
        low, high = np.percentile(bits.extract(self._words), (1, 99))
        steps = self._steps(bits)
        return float(steps.mean() / max(1.0, high - low)) if len(steps) >= MIN_PAIRS else 0.0

    def prefer(self, other: Bits, chosen: Bits) -> bool:
        """Return whether the other reading gives a smoother image than the chosen one.

        A chosen reading that looks like noise loses to one that looks like an image. Otherwise only pairs count in
        which the step differs: for a wrapped value it is small in one reading and a power of two in the other.
        """
        of_other, of_chosen = self.roughness(other), self.roughness(chosen)
        if of_chosen > NOISE:
            return of_other < of_chosen / 2
        shift = other.below - chosen.below
        steps_other, steps_chosen = self._steps(other), self._steps(chosen)
        steps_chosen = steps_chosen << max(0, -shift) if shift < 0 else steps_chosen
        differ = steps_other != steps_chosen
        return bool(differ.any() and steps_other[differ].sum() < steps_chosen[differ].sum())
