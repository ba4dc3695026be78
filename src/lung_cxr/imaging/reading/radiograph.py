"""A radiograph in memory, whatever file it came from."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

Codes = npt.NDArray[Any]
View = Literal["PA", "AP", "lateral", "unknown"]
BurnedIn = Literal["YES", "NO", ""]


@dataclass(frozen=True)
class Radiograph:
    """One decoded radiograph: the integers that were stored, and how white each of them is.

    Everything that is done to a stored value alone (rescaling, VOI window or table, inversion) is in one table, so that
    pixels stay small integers until they are windowed.

    Attributes:
        codes: (h, w) uint8 or uint16, stored values counted from the smallest possible. As large as the source, or, for
            JPEG 2000, a half, a quarter … of it (see `read.decode_image`).
        shown: (n,) float32, the grey value of each code, larger is whiter; modality and VOI transforms applied,
            MONOCHROME1 inverted. Every code is below n.
        rows: Of the source image.
        columns: Of the source image.
        view: What the header says.
        burned_in: The header's BurnedInAnnotation; "" where it says nothing (always so for PNG and JPEG).
        inverted: Whether black and white were exchanged to get here.
    """

    codes: Codes
    shown: npt.NDArray[np.float32]
    rows: int
    columns: int
    view: View = "unknown"
    burned_in: BurnedIn = ""
    inverted: bool = False

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """(h, w) float32 grey values."""
        return self.shown[self.codes]


def as_shown(pixels: Codes) -> Radiograph:
    """Return the radiograph whose grey values are its pixels, (H, W) uint8 or uint16."""
    shown = np.arange(1 << (8 * pixels.itemsize), dtype=np.float32)
    return Radiograph(pixels, shown, *pixels.shape)


def luminance(colour: Codes) -> Codes:
    """Grey values of (H, W, 3) RGB, as ITU-R BT.601 weighs them, in the same integer type."""
    return np.rint(colour[..., :3].astype(np.float32) @ LUMINANCE).astype(colour.dtype)
