"""Compressed frames → stored integers; what a stream says of itself is known before it is decoded."""

import io
import struct
from collections.abc import Callable
from typing import NamedTuple

import imagecodecs
import numpy as np
from PIL import Image

from lung_cxr.imaging.reading.radiograph import StoredValues
from lung_cxr.imaging.reasons import Rejection

START_OF_IMAGE = b"\xff\xd8"
JPEG_2000 = b"\xff\x4f\xff\x51"  # start of codestream, then SIZ
END_OF_IMAGE = b"\xff\xd9"  # ends a JPEG, JPEG-LS or JPEG 2000 stream
START_OF_SCAN = 0xDA
CODING_STYLE = 0xFF52  # COD
LOSSLESS, JPEG_LS = 0xC3, 0xF7  # frame headers SOF3 (ITU-T T.81 table B.1) and SOF55 (T.87)
FRAME_HEADERS = (0xC0, 0xC1, 0xC2, LOSSLESS, JPEG_LS)  # baseline, extended, progressive: one decoder
MOST_MARKERS = 2000  # before the pixels; a colour profile takes some tens

# the fastest measured; the stream says which: transfer syntaxes are sometimes wrong
DECODERS: dict[int, Callable[..., StoredValues]] = {
    LOSSLESS: imagecodecs.ljpeg_decode,
    JPEG_LS: imagecodecs.jpegls_decode,
}


class Stream(NamedTuple):
    """What a compressed frame says of itself.

    Attributes:
        kind: Marker of its frame header, 0 for JPEG 2000.
        shape: Rows and columns.
        bits: Of a value.
        signed: Whether values are (JPEG 2000 only).
        levels: How often it can be halved (JPEG 2000 only).
        samples: Of a pixel.
    """

    kind: int
    shape: tuple[int, int]
    bits: int
    signed: bool
    levels: int
    samples: int


def inspect(frame: bytes) -> Stream:
    """Read a stream's own header.

    Raises:
        Rejection: `truncated` where the stream does not end as it should, `unreadable` or `unsupported_pixels`.
    """
    if not frame[-64:].rstrip(b"\0").endswith(END_OF_IMAGE):
        raise Rejection("truncated")
    if frame.startswith(START_OF_IMAGE):
        return _jpeg_header(frame)
    start = frame.find(JPEG_2000, 0, 4096)  # bare, or in a JP2 box
    if start < 0:
        raise Rejection("unreadable", "unknown stream")
    return _jpeg2000_header(memoryview(frame)[start:])


def decode(frame: bytes, stream: Stream) -> StoredValues:
    """Return (H, W) or (H, W, samples), of the stream's integer type."""
    if stream.kind:
        return DECODERS.get(stream.kind, imagecodecs.jpeg_decode)(frame)
    return imagecodecs.jpeg2k_decode(frame)


def decode_reduced(frame: bytes, stream: Stream, side: int) -> StoredValues:
    """Decode grey JPEG 2000 at the smallest of its resolutions whose longer side is at least `side`.

    The coefficients that are left out are most of the work: 150 ms where the whole of 2500 × 2048 takes 650. What is
    left is the low-pass band of the wavelet, in the same units.

    Returns:
        (h, w) uint8 or uint16: values of the stream in two's complement, if it is signed.
    """
    halvings = min(stream.levels, (max(stream.shape) // side).bit_length() - 1)
    if halvings < 1 or stream.bits > 16:
        return decode(frame, stream)
    with Image.open(io.BytesIO(frame)) as image:
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
        Rejection: `truncated`, or `unreadable` where the number of segments is not the header's.
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
        ran_out = "INPUT" in str(error)  # in the middle of a run; or else there is more than the image takes
        raise Rejection("truncated" if ran_out else "unreadable", "runs") from None
    if written < decoded.size:
        raise Rejection("truncated")
    return decoded.view(dtype).reshape(samples, rows, columns)


def _jpeg_header(frame: bytes) -> Stream:
    position = 2
    for _ in range(MOST_MARKERS):
        if position + 10 > len(frame) or frame[position] != 0xFF:
            break
        marker, length = frame[position + 1], struct.unpack_from(">H", frame, position + 2)[0]
        if marker == 0xFF:  # fill
            position += 1
            continue
        if marker in FRAME_HEADERS:
            bits, rows, columns, samples = struct.unpack_from(">BHHB", frame, position + 4)
            return Stream(marker, (rows, columns), bits, False, 0, samples)
        if marker == START_OF_SCAN:
            break
        position += 2 + length
    raise Rejection("unreadable", "no frame header")


def _jpeg2000_header(frame: memoryview) -> Stream:
    """ISO/IEC 15444-1 A.5.1 (SIZ) and A.6.1 (COD)."""
    length, _, x, y, x0, y0 = struct.unpack_from(">HHLLLL", frame, 4)
    samples, depth = struct.unpack_from(">HB", frame, 40)
    position, levels = 4 + length, 0
    for _ in range(MOST_MARKERS):
        marker, length = struct.unpack_from(">HH", frame, position)
        if marker == CODING_STYLE:
            levels = frame[position + 9]
            break
        position += 2 + length
    return Stream(0, (y - y0, x - x0), (depth & 0x7F) + 1, depth > 0x7F, levels, samples)
