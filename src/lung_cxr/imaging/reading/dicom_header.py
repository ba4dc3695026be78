"""Read a DICOM header and find the pixel data, in bounded time and memory for any bytes (PS3.5, PS3.10).

pydicom parses the header. Own code guards it, because pydicom inflates a deflated file of 200 kB to gigabytes, and
walks through headers of millions of empty elements or nested sequences (20 s for 7 MB). Fragments are joined here,
because pydicom takes an offset table that lists fragments for one that lists frames.
"""

import io
import logging
import struct
import zlib
from typing import NamedTuple

import pydicom
from pydicom import uid
from pydicom.datadict import tag_for_keyword

from lung_cxr.imaging.reading import frames
from lung_cxr.imaging.reasons import Rejection

# after the import, which sets the level back
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its warnings quote header values

WANTED = [
    tag_for_keyword(keyword) or 0
    for keyword in (
        "Modality",
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
        "ViewCodeSequence",
        "PatientOrientation",
        "PixelAspectRatio",
        "PixelSpacing",
        "ImagerPixelSpacing",
        "NominalScannedPixelSpacing",
        "BurnedInAnnotation",
    )
]
PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
MOST_READS = 60_000  # about 20,000 elements; headers of radiographs have some hundreds
UNDEFINED = 0xFFFFFFFF
PIXEL_DATA = (0x7FE0, 0x0010)
ITEM = (0xFFFE, 0xE000)
END_OF_SEQUENCE = (0xFFFE, 0xE0DD)
HEAD = 128 + 4 + 12  # bytes: preamble, DICM and the element with the length of the file meta information
RLE_SEGMENTS = range(1, 16)  # number of segments, the first word of an RLE frame; the second word is 64


class PixelElement(NamedTuple):
    """PixelData as stored in the file.

    Attributes:
        values: Uncompressed pixels.
        frame: One compressed frame, or None.
        big_endian: Byte order of the values.
        swapped: Whether bytes are stored in big-endian words (VR OW).
    """

    values: memoryview
    frame: bytes | None = None
    big_endian: bool = False
    swapped: bool = False


class _Budget(io.BytesIO):
    """A file that allows a limited number of reads, so that a header of millions of elements ends here."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if (
            self.reads > MOST_READS or size is None or size < 0
        ):  # pydicom reads the rest only to inflate it without a limit
            raise Rejection("unreadable", "endless header")
        return super().read(size)


def read_header(data: bytes, most_bytes: int) -> tuple[pydicom.Dataset, PixelElement]:
    """Return the needed elements of the header, and the pixel data.

    Args:
        data: Content of the file, with or without a preamble.
        most_bytes: Largest size to which a deflated file may be inflated.

    Raises:
        Rejection: `unreadable`, `truncated`, `multi_frame` or `too_large`.
        Exception: Any error of pydicom on broken files.
    """
    data = _inflated(data, most_bytes)
    file = _Budget(data)
    header = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=WANTED)
    start = file.tell()
    if start + 8 > len(data):
        cut = "Rows" in header or (start > len(data) and len(header.file_meta) > 0)
        raise Rejection("truncated" if cut else "unreadable", "no pixel data")
    return header, _pixel_element(memoryview(data), start, header)


def read_patient(data: bytes, most_bytes: int) -> dict[str, str]:
    """Return PatientID, PatientName, PatientBirthDate and PatientSex (PS3.3 C.7.1.1) as text, "" if missing.

    Args:
        data: The file. A file that is no DICOM has no such values.
        most_bytes: To which a deflated file may be inflated.
    """
    try:
        tags = [tag_for_keyword(keyword) or 0 for keyword in PATIENT]
        file = _Budget(_inflated(data, most_bytes))
        header = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=tags)
        return {keyword: str(header.get(keyword) or "") for keyword in PATIENT}
    except Exception:  # a value that cannot be read is a missing value; messages quote it
        return dict.fromkeys(PATIENT, "")


def _inflated(data: bytes, most_bytes: int) -> bytes:
    """Return a deflated file in Explicit VR Little Endian, any other file unchanged (PS3.5 A.5)."""
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
    representation = bytes(data[start + 4 : start + 6])  # with implicit VR half of the length: never one of these
    length_at = start + (8 if representation in (b"OB", b"OW", b"UN") else 4)
    if length_at + 4 > len(data):
        raise Rejection("truncated")
    length = struct.unpack_from(f"{order}L", data, length_at)[0]
    begin = length_at + 4
    if length == UNDEFINED:
        return PixelElement(memoryview(b""), _frame(data, begin))
    if begin + length > len(data):
        raise Rejection("truncated")
    values = data[begin : begin + length]
    if frames.is_start_of_stream(values) and length != _native_length(header):  # compressed pixels without items
        return PixelElement(memoryview(b""), bytes(values))
    return PixelElement(values, None, not little, representation == b"OW" and not little)


def _native_length(header: pydicom.Dataset) -> int:
    """Return the bytes of uncompressed pixels: the first ones may look like the start of a stream; 0 if unknown."""
    try:
        bits = header.Rows * header.Columns * header.get("SamplesPerPixel", 1) * header.BitsAllocated
        return int(bits // 8 + bits // 8 % 2)
    except Exception:  # missing or invalid numbers
        return 0


def _frame(data: memoryview, position: int) -> bytes:
    """Return the fragments of the one frame, joined (PS3.5 A.4)."""
    items: list[memoryview] = []
    while True:
        if position + 8 > len(data):
            break  # no delimiter: the stream itself shows whether it is complete
        group, element, length = struct.unpack_from("<HHL", data, position)
        if (group, element) == END_OF_SEQUENCE:
            break
        if (group, element) != ITEM or len(items) > MOST_READS:
            raise Rejection("unreadable", "broken items")
        if position + 8 + length > len(data):
            raise Rejection("truncated")
        items.append(data[position + 8 : position + 8 + length])
        position += 8 + length
    fragments = items if items and _starts_frame(items[0]) else items[1:]  # the offset table may be missing
    if not fragments:
        raise Rejection("truncated")
    if (count := sum(map(_starts_frame, fragments))) > 1:
        raise Rejection("multi_frame", f"{count} frames")
    return b"".join(fragments)


def _starts_frame(fragment: memoryview) -> bool:
    """Return whether a fragment begins a frame. Offset tables do not tell: some list fragments."""
    if len(fragment) >= 64 and struct.unpack_from("<2L", fragment) in [(count, 64) for count in RLE_SEGMENTS]:
        return True
    return frames.is_start_of_stream(fragment)
