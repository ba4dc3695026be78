"""Check that a JPEG stream is complete and undamaged.

libjpeg fills missing or damaged parts with grey and reports only a warning, which Pillow, imagecodecs and pydicom drop:
a cut JPEG became half a chest without an error. Two kinds of checks are used instead:

- The entropy-coded data must have exactly the length that the pixels need. libjxl parses 8-bit grey and YCbCr streams
  strictly, to recompress them without loss (150 ms for 2500 × 2048 pixels). Other lossy streams (12 bit, CMYK) are
  decoded once more with extra data before their end, and with less. For lossless JPEG the length is computed.
- Damaged brightness leaves a seam between two rows of blocks.

Of 159 streams with a flipped bit or 40 random bytes that changed more than 5 % of the pixels visibly, 152 are found;
of 1,418 real files none is rejected.
"""

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np

from lung_cxr.imaging.reading.radiograph import StoredValues
from lung_cxr.imaging.reasons import Rejection

END_OF_IMAGE = b"\xff\xd9"
START_OF_SCAN, HUFFMAN_TABLES, RESTART_INTERVAL = 0xDA, 0xC4, 0xDD
LOSSLESS, JPEG_LS = 0xC3, 0xF7  # frame headers SOF3 (ITU-T T.81 table B.1) and SOF55 (T.87)
LOSSY = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive
FRAME_HEADERS = (*LOSSY, LOSSLESS, JPEG_LS)
DESCRIPTIVE = (*range(0xE0, 0xF0), 0xFE)  # APP0…APP15 and COM
MAX_MARKERS = 2000  # before the pixels; a colour profile takes some tens
END_OF_SCAN = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # any marker but a restart
BLOCK = 8  # rows of a block
MIN_JUMP = 6  # grey levels of 255, of a seam
MIN_DETAIL = 8  # standard deviation of a row near a seam, grey levels of 255
MIN_CONTINUITY = 0.8  # correlation of the rows above and below a seam
EXTRA_DATA = bytes(range(1, 200)) * 4  # any bits but 0xFF, which starts a marker


class Segment(NamedTuple):
    """A marker segment before the first scan.

    Attributes:
        marker: Second byte of the marker.
        start: Position of the marker in the stream.
        content: Content after the length.
    """

    marker: int
    start: int
    content: bytes


def segments(stream: bytes) -> Iterator[Segment]:
    """Yield the marker segments of a JPEG stream up to the first start of scan, included.

    Raises:
        Rejection: `unreadable` without a scan.
    """
    position = 2
    for _ in range(MAX_MARKERS):
        if position + 4 > len(stream) or stream[position] != 0xFF:
            break
        marker, length = stream[position + 1], struct.unpack_from(">H", stream, position + 2)[0]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        yield Segment(marker, position, stream[position + 4 : position + 2 + length])
        if marker == START_OF_SCAN:
            return
        position += 2 + length
    raise Rejection("unreadable", "no scan")


def completed(stream: bytes) -> bytes:
    """Return a JPEG, JPEG-LS or JPEG 2000 stream that ends with its end marker.

    Padding and other bytes after the marker are dropped; a missing marker is added, so that a decoder or a check tells
    whether the stream is complete.
    """
    end = stream.rfind(END_OF_IMAGE)
    return stream[: end + 2] if end >= 0 else stream + END_OF_IMAGE


def first_image(file: bytes) -> bytes:
    """Return the first image of a JPEG file without the images and other bytes that follow it."""
    scan = [segment.start for segment in segments(file)][-1]
    end = file.find(END_OF_IMAGE, scan)
    return file[: end + 2] if end >= 0 else file + END_OF_IMAGE


def frame_header(stream: bytes) -> bytes:
    """Return the content of the frame header of a JPEG stream (T.81 B.2.2), empty without one."""
    return next((segment.content for segment in segments(stream) if segment.marker in FRAME_HEADERS), b"")


def check_lossy(stream: bytes, decoded: StoredValues, decode: Callable[[bytes], StoredValues]) -> None:
    """Reject a baseline, extended or progressive stream that is cut or damaged.

    Args:
        stream: Stream with its end marker.
        decoded: (H, W) or (H, W, samples) pixels of the stream.
        decode: Decoder of the stream.

    Raises:
        Rejection: `truncated` or `damaged`.
    """
    header = frame_header(stream)
    is_strict = imagecodecs.JPEGXL.available and header[0] == 8 and header[5] in (1, 3)
    if is_strict and _parses(stream):
        is_longer = any(_parses(shorter) for shorter in _shortened_scans(stream))
    elif not np.array_equal(decoded, decode(stream[:-2] + EXTRA_DATA + END_OF_IMAGE)):
        raise Rejection("truncated")
    else:
        is_longer = is_strict or _ignores_end(stream, decoded, decode)
    if is_longer or _has_seam(decoded, (1 << header[0]) - 1):
        raise Rejection("damaged")


def check_lossless(stream: bytes, decoded: StoredValues) -> None:
    """Reject a lossless stream (SOF3) of one sample per pixel whose length does not fit its pixels.

    Args:
        stream: Stream with its end marker.
        decoded: (H, W) pixels of the stream.

    Raises:
        Rejection: `truncated` or `damaged`.
    """
    found = {segment.marker: segment for segment in segments(stream)}
    scan = found[START_OF_SCAN]
    if decoded.ndim != 2 or RESTART_INTERVAL in found:
        return
    tables = b"".join(segment.content for segment in segments(stream) if segment.marker == HUFFMAN_TABLES)
    lengths = _code_lengths(tables)[scan.content[2] >> 4]
    precision, predictor, shift = found[LOSSLESS].content[0], scan.content[3], scan.content[5] & 15
    differences = _differences(decoded >> shift, predictor, precision - shift)
    needed = int(_bits_needed(lengths)[differences].sum())
    coded = stream[scan.start + 4 + len(scan.content) : -2].replace(b"\xff\x00", b"\xff")
    if needed > 8 * len(coded):
        raise Rejection("truncated")
    if 8 * len(coded.rstrip(b"\xff\0")) - needed > 7:
        raise Rejection("damaged")


def _parses(stream: bytes) -> bool:
    """Return whether libjxl accepts the stream; metadata, which need not be valid, are left out."""
    kept, scan = [stream[:2]], 0
    for segment in segments(stream):
        if segment.marker not in DESCRIPTIVE and segment.marker != START_OF_SCAN:
            kept.append(stream[segment.start : segment.start + 4] + segment.content)
        scan = segment.start
    try:
        imagecodecs.jpegxl_encode_jpeg(b"".join(kept) + stream[scan:], numthreads=1)
    except imagecodecs.JpegxlError:
        return False
    return True


def _shortened_scans(stream: bytes) -> Iterator[bytes]:
    """Yield the stream up to the end of each scan, without the last two bytes of the scan.

    Only a scan that is longer than its pixels need is still complete without them.
    """
    position = stream.find(bytes([0xFF, START_OF_SCAN]))
    while position >= 0:
        found = END_OF_SCAN.search(stream, position + 2 + struct.unpack_from(">H", stream, position + 2)[0])
        if found is None:
            return
        shorter = stream[: found.start() - 2]
        yield shorter.removesuffix(b"\xff") + END_OF_IMAGE
        position = stream.find(bytes([0xFF, START_OF_SCAN]), found.start())


def _ignores_end(stream: bytes, decoded: StoredValues, decode: Callable[[bytes], StoredValues]) -> bool:
    """Return whether the last bytes of a stream change no pixel, though its last block has detail."""
    shorter = stream[:-4].removesuffix(b"\xff") + END_OF_IMAGE
    return bool(np.ptp(decoded[-8:, -8:]) > 0 and np.array_equal(decoded, decode(shorter)))


def _has_seam(decoded: StoredValues, largest: int) -> bool:
    """Return whether grey values jump by a constant between two rows of blocks, in the left or right half.

    Damage to one difference of mean values (T.81 F.1.2.1) brightens or darkens all following blocks. The detail of the
    image continues across such a seam, which is not so at edges of collimators and borders.
    """
    grey = decoded if decoded.ndim == 2 else decoded[..., 0]
    grey = grey.astype(np.float32) * np.float32(255 / largest)
    rows = np.arange(BLOCK - 1, len(grey) - BLOCK, BLOCK)  # last rows of blocks
    if not len(rows):
        return False
    for half in np.array_split(grey, 2, axis=1):
        steps = np.median(np.diff(half, axis=0), axis=1)
        above, below = half[rows], half[rows + 1]
        spread = np.median(np.abs(below - above - steps[rows][:, None]), axis=1)
        around = np.maximum(np.abs(steps[rows - 1]), np.abs(steps[rows + 1]))
        detail = np.minimum(half[rows - 3].std(axis=1), half[rows + 4].std(axis=1))
        is_jump = np.abs(steps[rows]) > np.maximum(MIN_JUMP + 3 * around, 3 * (1 + 1.5 * spread))
        for row in np.flatnonzero(is_jump & (detail > MIN_DETAIL)):
            if np.corrcoef(above[row], below[row])[0, 1] > MIN_CONTINUITY:
                return True
    return False


def _code_lengths(tables: bytes) -> dict[int, list[int]]:
    """Return table number → code length in bits of each category, 0 without a code (T.81 B.2.4.2)."""
    found = {}
    while len(tables) >= 17:
        counts = tables[1:17]
        symbols = tables[17 : 17 + sum(counts)]
        lengths = [0] * 256
        for symbol, length in zip(symbols, np.repeat(range(1, 17), list(counts)).tolist(), strict=False):
            lengths[symbol] = length
        found[tables[0] & 15] = lengths
        tables = tables[17 + sum(counts) :]
    return found


def _bits_needed(lengths: list[int]) -> StoredValues:
    """Return (65536,) int64: bits of the code and of the value of each difference modulo 2¹⁶ (T.81 H.1.2.2)."""
    signed = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int64)
    category = np.ceil(np.log2(np.abs(signed) + 1)).astype(np.int64)  # 0 → 0, 1 → 1, 2…3 → 2, …, 32768 → 16
    return np.array(lengths)[category] + np.where(category < 16, category, 0)


def _differences(pixels: StoredValues, predictor: int, precision: int) -> StoredValues:
    """Return (H, W) uint16: differences of pixels from their prediction, modulo 2¹⁶ (T.81 table H.1)."""
    values = pixels.astype(np.int32)
    left, above = np.roll(values, 1, axis=1), np.roll(values, 1, axis=0)
    corner = np.roll(left, 1, axis=0)
    predicted = {
        1: left,
        2: above,
        3: corner,
        4: left + above - corner,
        5: left + ((above - corner) >> 1),
        6: above + ((left - corner) >> 1),
        7: (left + above) >> 1,
    }.get(predictor, left)
    predicted[0, 1:], predicted[1:, 0] = values[0, :-1], values[:-1, 0]
    predicted[0, 0] = 1 << (precision - 1)
    return (values - predicted).astype(np.uint16)
