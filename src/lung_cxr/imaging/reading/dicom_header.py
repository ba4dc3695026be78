"""A DICOM file's header and where its pixels lie, in bounded time and memory whatever the bytes are (PS3.5, PS3.10)."""

import io
import logging
import struct
import zlib
from typing import NamedTuple

import pydicom
from pydicom import uid
from pydicom.datadict import tag_for_keyword

from lung_cxr.imaging.reasons import Rejection

# after the import, which sets the level back
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its warnings quote header values

WANTED = [
    tag_for_keyword(keyword) or 0
    for keyword in (
        "Rows",
        "Columns",
        "NumberOfFrames",
        "SamplesPerPixel",
        "PlanarConfiguration",
        "PhotometricInterpretation",
        "BitsAllocated",
        "BitsStored",
        "HighBit",
        "PixelRepresentation",
        "PixelPaddingValue",
        "PixelPaddingRangeLimit",
        "ModalityLUTSequence",
        "RescaleSlope",
        "RescaleIntercept",
        "VOILUTSequence",
        "VOILUTFunction",
        "WindowCenter",
        "WindowWidth",
        "ViewPosition",
        "BurnedInAnnotation",
    )
]
MOST_READS = 60_000  # about 20,000 elements; headers of radiographs have some hundreds
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = (0x7FE0, 0x0010)
ITEM = (0xFFFE, 0xE000)
END_OF_SEQUENCE = (0xFFFE, 0xE0DD)
HEAD = 128 + 4 + 12  # bytes: preamble, DICM and the element that says how long the file meta information is


class PixelElement(NamedTuple):
    """PixelData as the file holds it.

    Attributes:
        values: Uncompressed pixels.
        frame: One compressed frame, or None.
        big_endian: Byte order of values.
        swapped: Whether bytes are stored in pairs, each in big-endian order (VR OW).
    """

    values: memoryview
    frame: bytes | None = None
    big_endian: bool = False
    swapped: bool = False


class _Budget(io.BytesIO):
    """Bytes that can be asked for only so often: a header of millions of empty elements ends here."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS or size is None or size < 0:  # pydicom reads all only to inflate it without bounds
            raise Rejection("unreadable", "endless header")
        return super().read(size)


def read_header(data: bytes, most_bytes: int) -> tuple[pydicom.Dataset, PixelElement]:
    """Return the elements that we use, and the pixels' bytes.

    Args:
        data: The file, with or without a preamble.
        most_bytes: To which a deflated file may be inflated.

    Raises:
        Rejection: `unreadable`, `truncated`, `multi_frame` or `too_large`.
        Exception: Whatever pydicom raises on broken files.
    """
    data = _inflated(data, most_bytes)
    file = _Budget(data)
    header = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=WANTED)
    start = file.tell()
    if start + 8 > len(data):
        cut = "Rows" in header or (start > len(data) and len(header.file_meta) > 0)
        raise Rejection("truncated" if cut else "unreadable", "no pixel data")
    return header, _pixel_element(memoryview(data), start, header)


def _inflated(data: bytes, most_bytes: int) -> bytes:
    """The same file in Explicit VR Little Endian if it is deflated (PS3.5 A.5)."""
    deflated = uid.DeflatedExplicitVRLittleEndian.encode()
    if data[128:136] != b"DICM\x02\x00\x00\x00" or len(data) < HEAD:
        return data
    end = HEAD + struct.unpack("<L", data[HEAD - 4 : HEAD])[0]
    meta = data[:end]
    if deflated not in meta:
        return data
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(data[end:], most_bytes)
    if inflater.unconsumed_tail:
        raise Rejection("too_large", "inflated", passing=True)
    if not inflater.eof:
        raise Rejection("truncated")
    return meta.replace(deflated, uid.ExplicitVRLittleEndian.encode().ljust(len(deflated), b"\0")) + inflated


def _pixel_element(data: memoryview, start: int, header: pydicom.Dataset) -> PixelElement:
    _, little = header.original_encoding
    order = "<" if little else ">"
    if struct.unpack_from(f"{order}HH", data, start) != PIXEL_DATA:
        raise Rejection("unsupported_pixels", "float")
    representation = bytes(data[start + 4 : start + 6])  # where it is implicit, half of an even length: never these
    length_at = start + (8 if representation in (b"OB", b"OW", b"UN") else 4)
    if length_at + 4 > len(data):
        raise Rejection("truncated")
    length = struct.unpack_from(f"{order}L", data, length_at)[0]
    begin = length_at + 4
    syntax = header.file_meta.get("TransferSyntaxUID", "")
    if length == UNDEFINED:
        return PixelElement(memoryview(b""), _frame(data, begin))
    if syntax and uid.UID(syntax).is_encapsulated:
        raise Rejection("unreadable", "compressed pixels without items")
    if begin + length > len(data):
        raise Rejection("truncated")
    return PixelElement(data[begin : begin + length], None, not little, representation == b"OW" and not little)


def _frame(data: memoryview, position: int) -> bytes:
    """All fragments of the one frame, joined (PS3.5 A.4); the first item is the table of offsets."""
    items: list[memoryview] = []
    while True:
        if position + 8 > len(data):
            break  # no delimiter: the stream itself must tell whether it is whole
        group, element, length = struct.unpack_from("<HHL", data, position)
        if (group, element) == END_OF_SEQUENCE:
            break
        if (group, element) != ITEM or len(items) > MOST_READS:
            raise Rejection("unreadable", "broken items")
        if position + 8 + length > len(data):
            raise Rejection("truncated")
        items.append(data[position + 8 : position + 8 + length])
        position += 8 + length
    if not items:
        raise Rejection("truncated")
    if len(items[0]) > 4:
        raise Rejection("multi_frame", f"{len(items[0]) // 4} frames")
    return b"".join(items[1:])
