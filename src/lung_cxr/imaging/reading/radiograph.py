"""Hold one radiograph in memory, the same for all source formats."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

StoredValues = npt.NDArray[Any]
Lut = npt.NDArray[np.float32]
View = Literal["PA", "AP", "lateral", "unknown"]
BurnedIn = Literal["YES", "NO", ""]


@dataclass(frozen=True)
class Radiograph:
    """One decoded radiograph: stored integers, and a LUT from each of them to its grey value.

    The LUT contains all steps that depend on the stored value alone (rescaling, VOI window or table, inversion), so
    that pixels stay small integers until they are windowed.

    Attributes:
        stored_values: (h, w) uint8 or uint16, counted from the smallest possible value. Full size, or, for JPEG 2000,
            a half, a quarter … of it (see `read.decode_image`).
        lut: (n,) float32, grey value of each stored value, larger is whiter; modality and VOI transforms applied,
            MONOCHROME1 inverted. All stored values are below n.
        rows: Rows of the source image, after `geometry_corrected`.
        columns: Columns of the source image, after `geometry_corrected`.
        view: View that the header states.
        burned_in: BurnedInAnnotation of the header; "" if missing (always for PNG and JPEG).
        inverted: Whether black and white were exchanged.
        geometry_corrected: Whether pixels were made square, or the image was mirrored or rotated, as the header states.
        bits_corrected: Whether BitsStored, HighBit or PixelRepresentation contradicted the pixels and were overruled.
    """

    stored_values: StoredValues
    lut: Lut
    rows: int
    columns: int
    view: View = "unknown"
    burned_in: BurnedIn = ""
    inverted: bool = False
    geometry_corrected: bool = False
    bits_corrected: bool = False

    @property
    def values(self) -> npt.NDArray[np.float32]:
        """Return (h, w) float32 grey values."""
        return self.lut[self.stored_values]


def from_pixels(pixels: StoredValues) -> Radiograph:
    """Return the radiograph whose grey values are its pixels, (H, W) uint8 or uint16."""
    return Radiograph(pixels, np.arange(1 << (8 * pixels.itemsize), dtype=np.float32), *pixels.shape)


def luminance(colour: StoredValues) -> StoredValues:
    """Return the grey values of (H, W, 3) RGB by ITU-R BT.601, in the same integer type."""
    return np.rint(colour[..., :3].astype(np.float32) @ LUMINANCE).astype(colour.dtype)
