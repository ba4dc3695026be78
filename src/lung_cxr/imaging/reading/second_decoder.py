"""Compare the pixels of files with an unusual header with those of pydicom, an independent decoder."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.encaps import encapsulate

from lung_cxr.imaging.reading.dicom_header import PixelElement
from lung_cxr.imaging.reading.radiograph import StoredValues, luminance
from lung_cxr.imaging.reading.stored_bits import Bits
from lung_cxr.imaging.reasons import Rejection

MIN_AGREEMENT = 0.98  # correlation of two decoders' images
MAX_COMPARED = 1 << 18  # pixels of that correlation
PIXEL_KEYWORDS = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "PhotometricInterpretation"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
)


def check_against_pydicom(ours: StoredValues, header: pydicom.Dataset, pixels: PixelElement, bits: Bits) -> None:
    """Compare a full decode with that of pydicom, if it has a decoder of the syntax.

    Raises:
        Rejection: `implausible_pixels`.
    """
    try:
        theirs = _pydicom_pixels(header, pixels)
        if theirs.shape[:2] != ours.shape:
            return
        theirs = luminance(theirs) if theirs.ndim == 3 else theirs.astype(theirs.dtype.newbyteorder("="))
        masked = bits.extract(theirs.view(f"u{theirs.itemsize}"))  # pydicom masks and shifts only some files
    except Exception:  # no decoder, or an element that pydicom needs and this project does not
        return
    if not any(_agree(one, ours) for one in (theirs, masked)):
        raise Rejection("implausible_pixels", "decoders disagree")


def _agree(one: StoredValues, other: StoredValues) -> bool:
    """Return whether two images are the same but for the scale of their values; True if either is constant."""
    step = max(1, int((one.size / MAX_COMPARED) ** 0.5))
    pair = np.stack([image[::step, ::step].ravel().astype(np.float64) for image in (one, other)])
    return bool(pair.std(axis=1).min() == 0 or np.asarray(np.corrcoef(pair))[0, 1] >= MIN_AGREEMENT)


def _pydicom_pixels(header: pydicom.Dataset, pixels: PixelElement) -> npt.NDArray[Any]:
    single = pydicom.Dataset()
    single.file_meta = header.file_meta
    for keyword in PIXEL_KEYWORDS:
        if keyword in header:
            single[keyword] = header[keyword]
    is_native = pixels.frame is None
    single.add_new("PixelData", "OW", bytes(pixels.values) if is_native else encapsulate([pixels.frame or b""]))
    single["PixelData"].is_undefined_length = not is_native
    return single.pixel_array
