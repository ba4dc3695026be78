"""Decode compressed frames to stored integers; read what a stream states about itself before decoding it.

imagecodecs decodes all syntaxes (pydicom needs four more plugins for them), and can decode JPEG 2000 at a lower
resolution: 150 ms instead of 650 ms for 2500 × 2048 pixels. The size in the stream is checked before decoding, because
a stream of 1 kB can declare an image of gigabytes.
"""

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image

from lung_cxr.imaging.reading import jpeg_integrity
from lung_cxr.imaging.reading.jpeg_integrity import END_OF_IMAGE, FRAME_HEADERS, JPEG_LS, LOSSLESS, LOSSY, MAX_MARKERS
from lung_cxr.imaging.reading.jpeg_scans import check_scans
from lung_cxr.imaging.reading.radiograph import StoredValues
from lung_cxr.imaging.reasons import Rejection

START_OF_IMAGE = b"\xff\xd8"
JPEG_2000 = b"\xff\x4f\xff\x51"  # start of codestream, then SIZ
JPEG_2000_FILE = b"\0\0\0\x0cjP  "
JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL ")
CODING_STYLE, START_OF_TILE_PART = 0xFF52, 0xFF90  # COD, SOT

# the fastest decoders; chosen by the stream, because transfer syntaxes are sometimes wrong
DECODERS: dict[int, Callable[..., StoredValues]] = {
    0: imagecodecs.jpeg2k_decode,
    LOSSLESS: imagecodecs.ljpeg_decode,
    JPEG_LS: imagecodecs.jpegls_decode,
}


class Stream(NamedTuple):
    """Header of a compressed frame.

    Attributes:
        kind: Marker of the frame header, 0 for JPEG 2000.
        shape: Rows and columns.
        bits: Bits per value.
        signed: Whether values are signed (JPEG 2000 only).
        levels: Number of lower resolutions (JPEG 2000 only).
        samples: Samples per pixel.
        content: Stream with its end marker.
        has_end: Whether the frame holds the end marker.
    """

    kind: int
    shape: tuple[int, int]
    bits: int
    signed: bool
    levels: int
    samples: int
    content: bytes
    has_end: bool


def is_start_of_stream(data: bytes | memoryview) -> bool:
    """Return whether bytes begin like a JPEG, JPEG-LS, JPEG 2000 or JPEG XL stream."""
    return bytes(data[:12]).startswith((START_OF_IMAGE, JPEG_2000, JPEG_2000_FILE, *JPEG_XL))


def inspect(frame: bytes) -> Stream:
    """Read the header of a stream, and add its end marker if only that is missing.

    Raises:
        Rejection: `truncated`, `unreadable`, `too_slow` or `unsupported_pixels`.
    """
    if frame.startswith(JPEG_XL):
        raise Rejection("unsupported_pixels", "JPEG XL")
    has_end = END_OF_IMAGE in frame
    if frame.startswith(START_OF_IMAGE):
        return _jpeg_header(jpeg_integrity.completed(frame), has_end)
    start = frame.find(JPEG_2000, 0, 4096)  # bare, or in a JP2 box
    if start < 0:
        raise Rejection("unreadable", "unknown stream")
    return _jpeg2000_header(jpeg_integrity.completed(frame[start:]), has_end)


def decode(stream: Stream) -> StoredValues:
    """Decode a complete stream.

    Returns:
        (H, W) or (H, W, samples), integers of the stream's type.

    Raises:
        Rejection: `truncated` or `damaged`.
    """
    decoder = DECODERS.get(stream.kind, imagecodecs.jpeg_decode)
    try:
        decoded = decoder(stream.content)
    except (RuntimeError, ValueError):  # all errors of imagecodecs
        raise Rejection("damaged" if stream.has_end else "truncated") from None
    if stream.kind == LOSSLESS:
        jpeg_integrity.check_lossless(stream.content, decoded)
    elif stream.kind in LOSSY:  # the decoders of the others are strict themselves
        jpeg_integrity.check_lossy(stream.content, decoded, decoder)
    return decoded


def decode_reduced(stream: Stream, side: int) -> StoredValues:
    """Decode grey JPEG 2000 at its smallest resolution whose longer side is at least `side`.

    The result is the low-pass band of the wavelet, in the same units.

    Returns:
        (h, w) uint8 or uint16; two's complement if the stream is signed.
    """
    halvings = min(stream.levels, (max(stream.shape) // side).bit_length() - 1)
    if halvings < 1 or stream.bits > 16:
        return decode(stream)
    with Image.open(io.BytesIO(stream.content)) as image:
        image.reduce = halvings  # type: ignore[assignment,method-assign]
        image.load()
        pixels = np.asarray(image)
    pixels = pixels >> (8 * pixels.itemsize - stream.bits)  # Pillow scales to the whole range and starts at 0
    return pixels ^ pixels.dtype.type(1 << (stream.bits - 1)) if stream.signed else pixels


def decode_runs(frame: bytes, rows: int, columns: int, samples: int, bytes_each: int) -> StoredValues:
    """Decode RLE (PS3.5 annex G).

    Returns:
        (samples, H, W) uint8 or uint16.

    Raises:
        Rejection: `truncated`, or `unreadable` if the number of segments differs from the header.
    """
    if len(frame) < 64:
        raise Rejection("truncated")
    segments, *offsets = struct.unpack_from("<16L", frame)
    if segments != samples * bytes_each:
        raise Rejection("unreadable", f"{segments} segments")
    if max(offsets[:segments]) >= len(frame):
        raise Rejection("truncated")
    dtype = np.dtype(f"u{bytes_each}")
    decoded = np.empty(samples * rows * columns * bytes_each, np.uint8)
    try:
        written = len(imagecodecs.dicomrle_decode(frame, dtype, out=decoded.data))
    except imagecodecs.DicomrleError as error:
        ran_out = "INPUT" in str(error)  # within a run; otherwise there are more pixels than the image has
        raise Rejection("truncated" if ran_out else "unreadable", "runs") from None
    if written < decoded.size:
        raise Rejection("truncated")
    return decoded.view(dtype).reshape(samples, rows, columns)


def _jpeg_header(content: bytes, has_end: bool) -> Stream:
    found = next((segment for segment in jpeg_integrity.segments(content) if segment.marker in FRAME_HEADERS), None)
    if found is None:
        raise Rejection("unreadable", "no frame header")
    check_scans(content)
    bits, rows, columns, samples = struct.unpack_from(">BHHB", found.content)
    return Stream(found.marker, (rows, columns), bits, False, 0, samples, content, has_end)


def _jpeg2000_header(content: bytes, has_end: bool) -> Stream:
    """Read ISO/IEC 15444-1 A.5.1 (SIZ) and A.6.1 (COD); drop bytes after the last tile-part."""
    length, _, x, y, x0, y0 = struct.unpack_from(">HHLLLL", content, 4)
    samples, depth = struct.unpack_from(">HB", content, 40)
    position, levels = 4 + length, 0
    for _ in range(MAX_MARKERS):
        marker, length = struct.unpack_from(">HH", content, position)
        if marker == START_OF_TILE_PART:
            break
        if marker == CODING_STYLE:
            levels = content[position + 9]
        position += 2 + length
    content = content[: _end_of_tile_parts(content, position)] + END_OF_IMAGE
    return Stream(0, (y - y0, x - x0), (depth & 0x7F) + 1, depth > 0x7F, levels, samples, content, has_end)


def _end_of_tile_parts(content: bytes, position: int) -> int:
    """Return where the tile-parts from a position end (A.4.2, SOT).

    Raises:
        Rejection: `truncated`.
    """
    end = len(content) - len(END_OF_IMAGE)
    while content[position : position + 2] == START_OF_TILE_PART.to_bytes(2):
        length = struct.unpack_from(">L", content, position + 6)[0]
        position = position + length if length else end  # 0: up to the end of the stream
    if position > end:
        raise Rejection("truncated")
    return position
