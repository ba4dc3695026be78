"""DICOM → grey values: any common transfer syntax, 8 to 16 bit, signed or not, modality and VOI transforms applied."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from lung_cxr.imaging.reading import frames
from lung_cxr.imaging.reading.dicom_header import PixelElement, read_header
from lung_cxr.imaging.reading.radiograph import BurnedIn, Lut, Radiograph, StoredValues, View, from_pixels, luminance
from lung_cxr.imaging.reasons import Rejection

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422")  # the first sample is the grey value
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


class _Layout:
    """How pixels are stored (PS3.3 C.7.6.3); what is missing or senseless is as in most files.

    Attributes:
        rows: Of the image.
        columns: Of the image.
        samples: Of a pixel, 1 or 3.
        photometric: PhotometricInterpretation.
        allocated: Bits of a stored word, 8 or 16.
        bits: Of them, those of the value.
        unused_below: Of them, those below the value.
        signed: Whether values are in two's complement.
        has_padding: Whether some values mean "outside the image".
    """

    def __init__(self, header: pydicom.Dataset, max_megapixels: float):
        self.rows, self.columns = _integer(header, "Rows", 0), _integer(header, "Columns", 0)
        if self.rows < 1 or self.columns < 1:
            raise Rejection("unreadable", "no rows or columns")
        if self.rows * self.columns > max_megapixels * 1e6:
            raise Rejection("too_large", f"{self.rows * self.columns / 1e6:.0f} megapixels", passing=True)
        if (count := _integer(header, "NumberOfFrames", 1)) > 1:
            raise Rejection("multi_frame", f"{count} frames")
        self.samples = _integer(header, "SamplesPerPixel", 1)
        self.photometric = str(header.get("PhotometricInterpretation", ""))
        self.allocated = _integer(header, "BitsAllocated", 0)
        known = {1: MONOCHROME, 3: COLOUR}.get(self.samples, ())
        if self.photometric not in known or self.allocated not in (8, 16):
            raise Rejection("unsupported_pixels", f"{self.allocated} bits allocated")
        self.bits = _integer(header, "BitsStored", self.allocated)
        if not 1 <= self.bits <= self.allocated:
            self.bits = self.allocated
        self.unused_below = _integer(header, "HighBit", self.bits - 1) - self.bits + 1
        if not 0 <= self.unused_below <= self.allocated - self.bits:
            self.unused_below = 0
        self.signed = self.samples == 1 and _integer(header, "PixelRepresentation", 0) == 1
        self.has_padding = "PixelPaddingValue" in header

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns


def decode_dicom(data: bytes, max_megapixels: float, most_bytes: int, side: int | None) -> Radiograph:
    """Decode a DICOM file, with or without the preamble.

    Args:
        data: The file.
        max_megapixels: A larger image is refused before anything is made for it.
        most_bytes: To which a deflated file may be inflated.
        side: See `read.decode_image`.

    Raises:
        Rejection: `unreadable`, `truncated`, `too_large`, `unsupported_pixels` or `multi_frame`.
        Exception: Whatever pydicom and the codecs raise on broken files; `read.decode_image` drops it.
    """
    header, pixels = read_header(data, most_bytes)
    layout = _Layout(header, max_megapixels)
    frame = pixels.frame
    raw = _native(pixels, layout, header) if frame is None else _compressed(frame, layout, header, side)
    inverted = layout.photometric == "MONOCHROME1"
    if raw.ndim == 3:
        grey = from_pixels(luminance(raw))
        stored_values, lut = grey.stored_values, grey.lut
    elif layout.samples == 3:
        grey = from_pixels(raw)
        stored_values, lut = grey.stored_values, grey.lut
    else:
        stored_values, lut = _stored_values(raw, layout), _lut(header, layout)
        lut = lut.min() + lut.max() - lut if inverted else lut
        stored_values = _without_padding(stored_values, lut, header, layout) if layout.has_padding else stored_values
    return Radiograph(stored_values, lut, layout.rows, layout.columns, _view(header), _burned_in(header), inverted)


def _integer(header: pydicom.Dataset, keyword: str, default: int) -> int:
    try:
        return int(header.get(keyword) if header.get(keyword) is not None else default)
    except Exception:  # several values, a text, bytes of the wrong number: as if it were missing
        return default


def _compressed(frame: bytes, layout: _Layout, header: pydicom.Dataset, side: int | None) -> StoredValues:
    """(H, W) grey or (H, W, 3) RGB, of the stored integer type; grey JPEG 2000 may be smaller."""
    syntax = uid.UID(header.file_meta.get("TransferSyntaxUID", ""))
    if syntax == uid.RLELossless:
        planes = frames.decode_runs(frame, *layout.shape, layout.samples, layout.allocated // 8)
        return planes[0] if layout.samples == 1 or layout.photometric in LUMA_FIRST else np.moveaxis(planes, 0, -1)
    stream = frames.inspect(frame)
    if stream.shape != layout.shape or stream.samples != layout.samples:
        raise Rejection("unreadable", "size differs from the header's")
    if stream.bits > 16:
        raise Rejection("unsupported_pixels", f"{stream.bits} bits")
    layout.bits = max(layout.bits, stream.bits)  # values of a stream are all value
    as_stated = (stream.bits, stream.signed, 0) == (layout.bits, layout.signed, layout.unused_below)
    if side and as_stated and stream.samples == 1 and not layout.has_padding:
        return frames.decode_reduced(frame, stream, side)
    decoded = frames.decode(frame, stream)
    if decoded.shape[:2] != layout.shape:
        raise Rejection("unreadable", "size differs from the header's")
    turned_to_rgb = stream.kind not in (0, *frames.DECODERS)
    is_luma = layout.photometric in LUMA_FIRST and not turned_to_rgb
    return decoded[..., 0] if decoded.ndim == 3 and is_luma else decoded


def _native(pixels: PixelElement, layout: _Layout, header: pydicom.Dataset) -> StoredValues:
    """(H, W) grey or (H, W, 3) RGB, of the stored integer type."""
    per_pixel = 2 if layout.photometric == "YBR_FULL_422" else layout.samples
    count = math.prod(layout.shape) * per_pixel
    if len(pixels.values) < count * layout.allocated // 8:
        raise Rejection("truncated")
    words = np.dtype(f"{'>' if pixels.big_endian else '<'}u{layout.allocated // 8}")
    if pixels.swapped and layout.allocated == 8:
        padded = np.frombuffer(pixels.values, ">u2", (count + 1) // 2).astype("<u2").view(np.uint8)
        flat = padded[:count]
    else:
        flat = np.frombuffer(pixels.values, words, count).astype(words.newbyteorder("="), copy=False)
    if layout.samples == 1:
        return flat.reshape(layout.shape)
    if per_pixel == 2:  # Y1 Y2 Cb Cr for each two pixels
        return flat.reshape(-1, 4)[:, :2].reshape(layout.shape)
    if _integer(header, "PlanarConfiguration", 0) == 1:
        colour = np.moveaxis(flat.reshape(3, *layout.shape), 0, -1)
    else:
        colour = flat.reshape(*layout.shape, 3)
    return colour[..., 0] if layout.photometric in LUMA_FIRST else colour


def _stored_values(raw: StoredValues, layout: _Layout) -> StoredValues:
    """The BitsStored bits below HighBit (PS3.5 §8.1.1), signed values counted from the smallest possible.

    What old modalities keep in the other bits (overlays) goes.
    """
    words = raw.view(f"u{raw.itemsize}")
    if layout.bits > 8 * words.itemsize:
        words = words.astype(np.uint16)
    if layout.unused_below:
        words = words >> layout.unused_below
    highest = words.dtype.type((1 << layout.bits) - 1)
    if words.max() > highest:  # seldom, and to look takes half the time of a copy
        words = words & highest
    return words ^ words.dtype.type(1 << (layout.bits - 1)) if layout.signed else words


def _lut(header: pydicom.Dataset, layout: _Layout) -> Lut:
    """(2 ** bits,) float32: modality, then VOI transform of every value that can be stored."""
    values: npt.NDArray[Any] = np.arange(1 << layout.bits) - (layout.signed << (layout.bits - 1))
    for transform in (apply_modality_lut, apply_voi_lut):
        try:
            changed = transform(values, header)
        except Exception:  # a window of width 0, a table of the wrong length: the percentile window serves instead
            continue
        if np.isfinite(shown := changed.astype(np.float32)).all() and np.ptp(shown) > 0:
            values = changed
    return values.astype(np.float32)


def _without_padding(stored_values: StoredValues, lut: Lut, header: pydicom.Dataset, layout: _Layout) -> StoredValues:
    """Pixels outside the image (PS3.3 C.7.5.1.1.2) become as black as the image's blackest."""
    offset = layout.signed << (layout.bits - 1)
    value = _integer(header, "PixelPaddingValue", 0)
    first, last = sorted((value + offset, _integer(header, "PixelPaddingRangeLimit", value) + offset))
    outside = (stored_values >= first) & (stored_values <= last)
    if not outside.any() or outside.all():
        return stored_values
    present = np.flatnonzero(np.bincount(stored_values[~outside]))
    return np.where(outside, stored_values.dtype.type(present[np.argmin(lut[present])]), stored_values)


def _view(header: pydicom.Dataset) -> View:
    position = str(header.get("ViewPosition") or "").strip().upper()
    if position in ("PA", "AP"):
        return position  # type: ignore[return-value]
    return "lateral" if position in LATERAL else "unknown"


def _burned_in(header: pydicom.Dataset) -> BurnedIn:
    says = str(header.get("BurnedInAnnotation") or "").strip().upper()
    return says if says in ("YES", "NO") else ""  # type: ignore[return-value]
