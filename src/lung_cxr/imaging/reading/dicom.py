"""Decode a DICOM file to grey values: common transfer syntaxes, 8 to 16 bit, modality and VOI transforms applied.

pydicom's `pixel_array` is not used for ordinary files: it needs four more plugins for the syntaxes of radiographs,
allocates what a header declares before checking it, and decodes JPEG 2000 only at full size (four times the time). It
is the independent second decoder of files with an unusual header (`second_decoder`).
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom import uid

from lung_cxr.imaging.reading import frames, header_facts
from lung_cxr.imaging.reading.dicom_header import PixelElement, read_header
from lung_cxr.imaging.reading.grey_lut import make_lut
from lung_cxr.imaging.reading.native_pixels import LUMA_FIRST, decode_native
from lung_cxr.imaging.reading.radiograph import Lut, Radiograph, StoredValues, from_pixels, luminance
from lung_cxr.imaging.reading.second_decoder import check_against_pydicom
from lung_cxr.imaging.reading.stored_bits import Bits, find_bits
from lung_cxr.imaging.reasons import Rejection

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")

MOST_PADDING_SHARE = 0.25  # of the possible values, in the range of padding: it covers what compression changes

Words = npt.NDArray[Any]


class _Layout:
    """Layout of the stored pixels (PS3.3 C.7.6.3); missing or senseless elements get their usual values.

    Attributes:
        rows: Rows of the image.
        columns: Columns of the image.
        samples: Samples per pixel, 1 or 3.
        photometric: PhotometricInterpretation.
        allocated: Bits of a stored word, 8 or 16.
        bits: Bits of the value within the word.
        padding: First and last value of pixels outside the image; None without padding.
    """

    def __init__(self, header: pydicom.Dataset, max_megapixels: float):
        self.rows, self.columns = _integer(header, "Rows", 0), _integer(header, "Columns", 0)
        if self.rows < 1 or self.columns < 1:
            raise Rejection("unreadable", "no rows or columns")
        self.geometry = header_facts.read_geometry(header)
        if (pixels := math.prod(self.geometry.shape(*self.shape))) > max_megapixels * 1e6:
            raise Rejection("too_large", f"{pixels / 1e6:.0f} megapixels", passing=True)
        if (count := _integer(header, "NumberOfFrames", 1)) > 1:
            raise Rejection("multi_frame", f"{count} frames")
        self.samples = _integer(header, "SamplesPerPixel", 1)
        self.photometric = str(header.get("PhotometricInterpretation", ""))
        self.allocated = _integer(header, "BitsAllocated", 0)
        known = {1: MONOCHROME, 3: COLOUR}.get(self.samples, ())
        if self.photometric not in known or self.allocated not in (8, 16):
            raise Rejection("unsupported_pixels", f"{self.allocated} bits allocated")
        count = _integer(header, "BitsStored", self.allocated)
        if not 1 <= count <= self.allocated:
            count = self.allocated
        below = _integer(header, "HighBit", count - 1) - count + 1
        if not 0 <= below <= self.allocated - count:
            below = 0
        self.bits = Bits(count, below, self.samples == 1 and _integer(header, "PixelRepresentation", 0) == 1)
        self.padding = None
        if "PixelPaddingValue" in header:
            first = _integer(header, "PixelPaddingValue", 0)
            limit = _integer(header, "PixelPaddingRangeLimit", first)
            is_narrow = abs(limit - first) < MOST_PADDING_SHARE * (1 << count)  # a wider range blackens anatomy
            self.padding = first, limit if is_narrow else first

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows, self.columns


def decode_dicom(data: bytes, max_megapixels: float, most_bytes: int, side: int | None) -> Radiograph:
    """Decode a DICOM file, with or without the preamble.

    Args:
        data: Content of the file.
        max_megapixels: Limit above which an image is rejected before it is decoded.
        most_bytes: Largest size to which a deflated file may be inflated.
        side: See `read.decode_image`.

    Raises:
        Rejection: `unreadable`, `truncated`, `damaged`, `too_large`, `too_slow`, `unsupported_pixels`,
            `implausible_pixels`, `multi_frame` or `not_a_radiograph`.
        Exception: Any error of pydicom and the codecs on broken files; `read.decode_image` drops it.
    """
    header, pixels = read_header(data, most_bytes)
    if (modality := header_facts.read_modality(header)) in header_facts.OTHER_MODALITIES:
        raise Rejection("not_a_radiograph", modality)
    layout = _Layout(header, max_megapixels)
    stream = _inspect(pixels, layout, header)
    if stream is not None:
        words = _decoded(stream, layout, side)
    elif pixels.frame is not None:
        words = _run_lengths(pixels.frame, layout)
    else:
        planar = _integer(header, "PlanarConfiguration", 0) == 1
        words = decode_native(pixels, layout.shape, layout.samples, layout.allocated, layout.photometric, planar)
    grey = _grey(words, stream, layout, header, pixels) if layout.samples == 1 else _colour(words, layout)
    if grey.bits == layout.bits and words.shape[:2] == layout.shape and _is_unusual(pixels, stream, layout):
        ours = grey.stored_values if layout.samples == 3 else layout.bits.extract(words)  # padding included
        check_against_pydicom(ours, header, pixels, layout.bits)
    return Radiograph(
        layout.geometry.apply(grey.stored_values),
        grey.lut,
        *layout.geometry.shape(*layout.shape),
        view=header_facts.read_view(header),
        burned_in=header_facts.read_burned_in(header),
        inverted=layout.photometric == "MONOCHROME1",
        geometry_corrected=layout.geometry != header_facts.Geometry(),
        bits_corrected=grey.bits != layout.bits,
    )


def _integer(header: pydicom.Dataset, keyword: str, default: int) -> int:
    try:
        return int(header.get(keyword) if header.get(keyword) is not None else default)
    except Exception:  # several values, text, or bytes of the wrong number: treated as missing
        return default


def _inspect(pixels: PixelElement, layout: _Layout, header: pydicom.Dataset) -> frames.Stream | None:
    """Return the header of a compressed stream, checked against the DICOM header; None for other pixel data."""
    if pixels.frame is None or (_syntax(header) == uid.RLELossless and not frames.is_start_of_stream(pixels.frame)):
        return None
    stream = frames.inspect(pixels.frame)
    if stream.shape != layout.shape or stream.samples != layout.samples:
        raise Rejection("unreadable", "size differs from the header's")
    if stream.bits > 16:
        raise Rejection("unsupported_pixels", f"{stream.bits} bits")
    return stream


def _syntax(header: pydicom.Dataset) -> uid.UID:
    return uid.UID(header.file_meta.get("TransferSyntaxUID", ""))


def _decoded(stream: frames.Stream, layout: _Layout, side: int | None) -> Words:
    """Return (H, W) words, or (H, W, 3) RGB; JPEG 2000 may be smaller. The bits of the layout become the stream's."""
    stated = layout.bits
    count = min(stated.width, stream.bits)
    below = stated.below if stated.below + count <= stream.bits else 0
    layout.bits = Bits(count, below, layout.samples == 1 and (stated.signed or stream.signed))
    if side and stream.samples == 1 and stream.signed == stated.signed and below == 0 and layout.padding is None:
        layout.bits = layout.bits._replace(width=stream.bits)
        decoded = frames.decode_reduced(stream, side)
    else:
        decoded = frames.decode(stream)
        if decoded.shape[:2] != layout.shape:
            raise Rejection("unreadable", "size differs from the header's")
    is_rgb = stream.kind not in frames.DECODERS  # libjpeg converts
    if decoded.ndim == 3 and layout.photometric in LUMA_FIRST and not is_rgb:
        decoded = decoded[..., 0]
    words = decoded.view(f"u{decoded.itemsize}")
    return words & words.dtype.type((1 << stream.bits) - 1) if stream.signed else words


def _run_lengths(frame: bytes, layout: _Layout) -> Words:
    planes = frames.decode_runs(frame, *layout.shape, layout.samples, layout.allocated // 8)
    return planes[0] if layout.samples == 1 or layout.photometric in LUMA_FIRST else np.moveaxis(planes, 0, -1)


class _Grey(NamedTuple):
    """Grey image before the geometry is corrected.

    Attributes:
        stored_values: (h, w) uint8 or uint16, counted from the smallest possible value.
        lut: (n,) float32, grey value of each stored value.
        bits: Bits of the words that hold the values.
    """

    stored_values: StoredValues
    lut: Lut
    bits: Bits


def _colour(words: Words, layout: _Layout) -> _Grey:
    grey = from_pixels(luminance(words) if words.ndim == 3 else words)
    return _Grey(grey.stored_values, grey.lut, layout.bits)


def _grey(
    words: Words, stream: frames.Stream | None, layout: _Layout, header: pydicom.Dataset, pixels: PixelElement
) -> _Grey:
    """Return stored values and LUT of one sample per pixel; pixels outside the image are as dark as its darkest."""
    width = stream.bits if stream else layout.allocated
    raw = (
        None
        if layout.padding is None
        else _between(words, *(value % (1 << layout.allocated) for value in layout.padding))
    )
    bits = find_bits(words, layout.bits, width, None if raw is None or raw.all() else raw)
    stored_values = bits.extract(words)
    outside = None if raw is None else _padding(stored_values, raw, bits, layout)
    inside = stored_values if outside is None else stored_values[~outside]
    lut = make_lut(header, bits.smallest, 1 << bits.width, inside, pixels.big_endian)
    lut = lut.min() + lut.max() - lut if layout.photometric == "MONOCHROME1" else lut
    if outside is not None:
        present = np.flatnonzero(np.bincount(inside))
        darkest = stored_values.dtype.type(present[np.argmin(lut[present])])
        stored_values = np.where(outside, darkest, stored_values)
    return _Grey(stored_values, lut, bits)


def _between(values: StoredValues, one: int, other: int) -> npt.NDArray[np.bool_]:
    return (values >= min(one, other)) & (values <= max(one, other))


def _padding(
    stored_values: StoredValues, raw: npt.NDArray[np.bool_], bits: Bits, layout: _Layout
) -> npt.NDArray[np.bool_] | None:
    """Return the pixels outside the image (PS3.3 C.7.5.1.1.2); None if there are none, or nothing else.

    PixelPaddingValue may have the wrong sign. A value that the bits cannot hold is compared with the whole words.
    """
    assert layout.padding is not None
    modulus = 1 << layout.allocated
    first, last = (value % modulus for value in layout.padding)
    if bits.signed:
        first, last = (value - modulus if value >= modulus // 2 else value for value in (first, last))
    first, last = sorted((first - bits.smallest, last - bits.smallest))
    outside = _between(stored_values, first, last) if first >= 0 and last < 1 << bits.width else raw
    return outside if outside.any() and not outside.all() else None


def _is_unusual(pixels: PixelElement, stream: frames.Stream | None, layout: _Layout) -> bool:
    """Return whether pydicom should confirm the result; it drops the highest bits of values above unused bits."""
    if layout.bits.below:
        return False
    if layout.samples == 3 or layout.bits.signed:
        return True
    if stream is not None:
        return stream.signed or stream.bits != layout.bits.width
    return pixels.frame is None and (pixels.big_endian or pixels.swapped)
