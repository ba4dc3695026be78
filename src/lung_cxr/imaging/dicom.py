"""DICOM → grey values: any common transfer syntax, 8 to 16 bit, signed or not, modality and VOI transforms applied."""

import io
import logging
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid
from pydicom.encaps import get_frame
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from lung_cxr.imaging.radiograph import Radiograph, View, luminance
from lung_cxr.imaging.reasons import Rejection

# after the import, which sets the level back
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its warnings quote header values

Values = npt.NDArray[Any]

END_OF_IMAGE = b"\xff\xd9"  # ends a JPEG, JPEG-LS or JPEG 2000 stream
MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
LATERAL = (
    "LL",
    "RL",
    "LAT",
    "LATERAL",
    "LLO",
    "RLO",
    "LAO",
    "RAO",
    "LPO",
    "RPO",
)  # CS terms of (0018,5101), and obliques

DECODERS: dict[str, Callable[[bytes], Values]] = {  # PS3.5 annex A.4; imagecodecs' own are the fastest measured
    uid.JPEGBaseline8Bit: imagecodecs.jpeg8_decode,
    uid.JPEGExtended12Bit: imagecodecs.jpeg_decode,
    uid.JPEGLossless: imagecodecs.ljpeg_decode,
    uid.JPEGLosslessSV1: imagecodecs.ljpeg_decode,
    uid.JPEGLSLossless: imagecodecs.jpegls_decode,
    uid.JPEGLSNearLossless: imagecodecs.jpegls_decode,
    uid.JPEG2000Lossless: imagecodecs.jpeg2k_decode,
    uid.JPEG2000: imagecodecs.jpeg2k_decode,
    uid.HTJ2KLossless: imagecodecs.jpeg2k_decode,
    uid.HTJ2K: imagecodecs.jpeg2k_decode,
}


def decode_dicom(data: bytes) -> Radiograph:
    """Decode a DICOM file, with or without the preamble.

    Raises:
        Rejection: `unreadable`, `truncated`, `unsupported_pixels` or `multi_frame`.
        Exception: Whatever pydicom and the codecs raise on broken files; `read.decode_image` drops it.
    """
    header = pydicom.dcmread(io.BytesIO(data), force=True)
    _check_readable(header)
    raw = _decoded(header)
    inverted = header.PhotometricInterpretation == "MONOCHROME1"
    if header.get("SamplesPerPixel", 1) > 1:
        values = luminance(raw)
    else:
        stored = _stored_values(raw, header)
        values = _shown_values(stored, header)
        values = values.min() + values.max() - values if inverted else values
        values = _without_padding(values, stored, header)
    return Radiograph(values.astype(np.float32), _view(header), _burned_in(header), inverted)


def _check_readable(header: pydicom.Dataset) -> None:
    if "PixelData" not in header or "Rows" not in header:
        raise Rejection("unreadable", "no pixel data")
    if (frames := int(header.get("NumberOfFrames") or 1)) > 1:
        raise Rejection("multi_frame", f"{frames} frames")
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric not in MONOCHROME + COLOUR or header.BitsAllocated not in (8, 16):
        raise Rejection("unsupported_pixels", f"{header.BitsAllocated} bits allocated")


def _shown_values(stored: Values, header: pydicom.Dataset) -> Values:
    """(H, W), modality and VOI transforms applied."""
    values = apply_modality_lut(stored, header)
    try:
        return apply_voi_lut(values, header)
    except Exception:  # a window of width 0, a table of the wrong length: the percentile window serves instead
        return values


def _decoded(header: pydicom.Dataset) -> Values:
    """(H, W) or (H, W, 3) RGB, of the stored integer type."""
    syntax = header.file_meta.get("TransferSyntaxUID", uid.ImplicitVRLittleEndian)
    if not syntax.is_encapsulated:
        return _native(header, syntax)
    frame = get_frame(header.PixelData, 0, number_of_frames=1)
    shape = (header.Rows, header.Columns)
    if syntax == uid.RLELossless:
        return _run_length_decoded(frame, header)
    if syntax not in DECODERS:
        raise Rejection("unsupported_pixels", "transfer syntax")
    if END_OF_IMAGE not in frame[-4:]:
        raise Rejection("truncated")
    decoded = DECODERS[syntax](frame)
    if decoded.shape[:2] != shape:
        raise Rejection("unreadable", "size differs from the header's")
    return decoded


def _native(header: pydicom.Dataset, syntax: uid.UID) -> Values:
    shape, samples = (header.Rows, header.Columns), header.get("SamplesPerPixel", 1)
    if samples == 1 and len(header.PixelData) < header.Rows * header.Columns * header.BitsAllocated // 8:
        raise Rejection("truncated")
    if samples == 1 and header.BitsAllocated == 16:  # pydicom would cut off what HighBit says is the value
        words = np.dtype("<u2" if syntax.is_little_endian else ">u2")
        return np.frombuffer(header.PixelData, words, header.Rows * header.Columns).reshape(shape)
    header.file_meta.TransferSyntaxUID = syntax  # absent where the file has no preamble
    return header.pixel_array


def _run_length_decoded(frame: bytes, header: pydicom.Dataset) -> Values:
    dtype = np.dtype(f"u{header.BitsAllocated // 8}")
    samples = header.get("SamplesPerPixel", 1)
    decoded = np.frombuffer(imagecodecs.dicomrle_decode(frame, dtype), dtype)
    pixels = header.Rows * header.Columns
    if decoded.size < pixels * samples:
        raise Rejection("truncated")
    planes = decoded.ravel()[: pixels * samples].reshape(samples, header.Rows, header.Columns)
    if samples == 1:
        return planes[0]
    if header.PhotometricInterpretation.startswith("YBR"):
        planes = np.repeat(planes[:1], 3, axis=0)  # the luma is what is wanted
    return np.moveaxis(planes, 0, -1)


def _stored_values(raw: Values, header: pydicom.Dataset) -> npt.NDArray[np.int32]:
    """The BitsStored bits below HighBit, sign-extended where PixelRepresentation is 1 (PS3.5 §8.1.1).

    What old modalities keep in the other bits (overlays) goes.
    """
    stored = int(header.get("BitsStored", header.BitsAllocated))
    unused_below = int(header.get("HighBit", stored - 1)) - stored + 1
    values = (raw.astype(np.int32) >> unused_below) & ((1 << stored) - 1)
    if header.get("PixelRepresentation", 0) == 1:
        sign = 1 << (stored - 1)
        values = (values ^ sign) - sign
    return values


def _without_padding(values: Values, stored: Values, header: pydicom.Dataset) -> Values:
    """Pixels outside the image (PS3.3 C.7.5.1.1.2) become as black as the image's blackest."""
    if "PixelPaddingValue" not in header:
        return values
    limits = sorted(
        (int(header.PixelPaddingValue), int(header.get("PixelPaddingRangeLimit", header.PixelPaddingValue)))
    )
    outside = (stored >= limits[0]) & (stored <= limits[1])
    return values if outside.all() else np.where(outside, values[~outside].min(), values)


def _view(header: pydicom.Dataset) -> View:
    position = str(header.get("ViewPosition") or "").strip().upper()
    if position in ("PA", "AP"):
        return position  # type: ignore[return-value]
    return "lateral" if position in LATERAL else "unknown"


def _burned_in(header: pydicom.Dataset) -> Any:
    says = str(header.get("BurnedInAnnotation") or "").strip().upper()
    return says if says in ("YES", "NO") else ""
