"""Uncompressed pixel data of a DICOM file → stored words (PS3.5 §8.2.1 and A.1 to A.3)."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lung_cxr.imaging.reading.dicom_header import PixelElement
from lung_cxr.imaging.reasons import Rejection

LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422")  # the first sample is the grey value
MOST_PADDING_VALUES = 4  # distinct bytes after the pixels, which only pad the element; a row of pixels has more


def decode_native(
    pixels: PixelElement, shape: tuple[int, int], samples: int, allocated: int, photometric: str, planar: bool
) -> npt.NDArray[Any]:
    """Return (H, W) words, or (H, W, 3) RGB, of uncompressed pixel data.

    Args:
        pixels: PixelData.
        shape: Rows and columns.
        samples: Samples per pixel, 1 or 3.
        allocated: Bits of a stored word, 8 or 16.
        photometric: PhotometricInterpretation.
        planar: Whether the samples are stored one plane after the other.

    Raises:
        Rejection: `truncated`; `multi_frame` or `implausible_pixels` if there are more pixels than the header states.
    """
    per_pixel = 2 if photometric == "YBR_FULL_422" else samples
    count = math.prod(shape) * per_pixel
    needed = count * allocated // 8
    if len(pixels.values) < needed:
        raise Rejection("truncated")
    if len(pixels.values) % needed == 0 and len(pixels.values) > needed:
        raise Rejection("multi_frame", f"{len(pixels.values) // needed} frames")
    excess = pixels.values[needed:]
    if len(excess) >= needed // shape[0] and len({*excess}) > MOST_PADDING_VALUES:
        raise Rejection("implausible_pixels", "more pixels than rows and columns state")
    words = np.dtype(f"{'>' if pixels.big_endian else '<'}u{allocated // 8}")
    if pixels.swapped and allocated == 8:
        padded = np.frombuffer(pixels.values, ">u2", (count + 1) // 2).astype("<u2").view(np.uint8)
        flat = padded[:count]
    else:
        flat = np.frombuffer(pixels.values, words, count).astype(words.newbyteorder("="), copy=False)
    if samples == 1:
        return flat.reshape(shape)
    if per_pixel == 2:  # Y1 Y2 Cb Cr for each two pixels
        return flat.reshape(-1, 4)[:, :2].reshape(shape)
    colour = np.moveaxis(flat.reshape(3, *shape), 0, -1) if planar else flat.reshape(*shape, 3)
    return colour[..., 0] if photometric in LUMA_FIRST else colour
