"""Files made to do harm: each gives one reason, quickly and in little memory."""

import io
import os
import socket
import struct
import time
import tracemalloc
import zlib
from contextlib import contextmanager

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

from lung_cxr.imaging.reading.read import decode_image, read_image
from lung_cxr.imaging.reasons import IMAGE_FAULTS, Rejection
from made_up_dicom import make_dicom

MOST = 1  # megapixels: a file may have 8 MB
GREY = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
COMPRESSED = ["rle", "jpeg_baseline", "jpeg_extended", "jpeg_lossless_sv1", "jpeg_ls", "jpeg2000"]


def reason_of(content: bytes) -> str:
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert rejection.value.reason in IMAGE_FAULTS
    return rejection.value.reason


@contextmanager
def little_time_and_memory(seconds: float, megabytes: float):
    """Limit CPU time and the memory of Python and numpy; the memory of codecs is bounded by the declared size."""
    tracemalloc.start()
    start = time.process_time()
    try:
        yield
        assert time.process_time() - start < seconds
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1e6
    finally:
        tracemalloc.stop()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *extra: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    rows = zlib.compress(b"\0" * (min(width, 64) + 1) * min(height, 64))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg(image: np.ndarray) -> bytearray:
    return bytearray(imagecodecs.jpeg8_encode(image))


@pytest.mark.parametrize("size", [(1001, 1000), (20_000, 5_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_png_that_claims_too_many_pixels(size):
    with little_time_and_memory(1, 10):
        assert reason_of(png(*size)) == "too_large"


def test_a_jpeg_that_claims_too_many_pixels():
    content = jpeg(GREY)
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    with little_time_and_memory(1, 10):
        assert reason_of(bytes(content)) == "too_large"


@pytest.mark.parametrize("syntax", ["explicit", *COMPRESSED])
def test_a_dicom_header_that_claims_too_many_pixels(syntax):
    with little_time_and_memory(1, 10):
        assert reason_of(make_dicom(GREY, syntax, Rows=65_535, Columns=65_535)) == "too_large"


def test_a_stream_that_claims_more_pixels_than_its_header():
    lossless = imagecodecs.jpeg2k_encode(GREY, level=0, codecformat="j2k")
    at = lossless.index(b"\xff\x51") + 6
    huge = lossless[:at] + struct.pack(">LL", 60_000, 60_000) + lossless[at + 8 :]
    baseline = jpeg(GREY)
    at = baseline.index(b"\xff\xc0") + 5
    baseline[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    for stream, syntax in ((huge, "jpeg2000"), (bytes(baseline), "jpeg_baseline")):
        content = make_dicom(GREY, syntax, PixelData=encapsulate([stream]))
        with little_time_and_memory(1, 10):
            assert reason_of(content) == "unreadable"


def test_runs_that_unpack_to_more_than_the_image():
    """Runs unpack to 128 times their size; only the declared size is written."""
    runs = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x81\x07" * 100_000
    content = make_dicom(GREY, "rle", PixelData=encapsulate([runs]))
    with little_time_and_memory(1, 10):
        try:
            assert (decode_image(content, MOST).values == 7).all()
        except Rejection as rejection:
            assert rejection.reason == "unreadable"  # noqa: PT017


def test_a_deflated_file_that_inflates_without_end():
    whole = make_dicom(GREY, "deflated")
    start = 144 + struct.unpack("<L", whole[140:144])[0]
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(200_000_000)) + deflate.flush()
    with little_time_and_memory(2, 30):
        assert reason_of(whole[:start] + bomb) == "too_large"


def element(group: int, number: int, vr: bytes, length: int, value: bytes = b"") -> bytes:
    if vr in (b"SQ", b"OB", b"OW", b"UN"):
        return struct.pack("<HH2sHL", group, number, vr, 0, length) + value
    return struct.pack("<HH2sH", group, number, vr, length) + value


WHOLE = make_dicom(GREY)
FILE_META = WHOLE[: 144 + struct.unpack("<L", WHOLE[140:144])[0]]
UNDEFINED = 0xFFFFFFFF
ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)


@pytest.mark.parametrize("tag", [(0x0028, 0x3010), (0x0008, 0x1140)])
def test_sequences_nested_without_end(tag):
    nested = (element(*tag, b"SQ", UNDEFINED) + ITEM) * 100_000
    with little_time_and_memory(5, 60):
        assert reason_of(FILE_META + nested) in ("unreadable", "truncated")


@pytest.mark.parametrize("kind", ["elements", "items"])
def test_a_header_without_end(kind):
    empty = element(0x0009, 0x0010, b"LO", 0)
    content = {
        "elements": empty * 900_000,
        "items": element(0x0008, 0x1140, b"SQ", UNDEFINED) + (ITEM + struct.pack("<HHL", 0xFFFE, 0xE00D, 0)) * 400_000,
    }[kind]
    with little_time_and_memory(20, 250):
        assert reason_of(FILE_META + content) == "unreadable"


@pytest.mark.parametrize("vr", [b"OB", b"SQ", b"UN"])
@pytest.mark.parametrize("length", [0x7FFFFFFF, 0xFFFFFFF0])
def test_an_element_of_two_gigabytes(vr, length):
    with little_time_and_memory(1, 10):
        assert reason_of(FILE_META + element(0x0009, 0x1001, vr, length, b"x" * 100)) == "truncated"
        assert reason_of(WHOLE[: -GREY.size - 4] + struct.pack("<L", length)) == "truncated"


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_png_whose_text_unpacks_without_end(kind):
    bomb = zlib.compress(bytes(100_000_000), 9)
    content = {b"zTXt": b"a\0\0" + bomb, b"iTXt": b"a\0\1\0\0\0" + bomb, b"iCCP": b"a\0\0" + bomb}[kind]
    with little_time_and_memory(2, 20):
        try:
            assert decode_image(png(64, 64, chunk(kind, content)), MOST).stored_values.shape == (64, 64)
        except Rejection as rejection:
            assert rejection.reason == "unreadable"  # noqa: PT017


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"Rows": 0}, "unreadable"),
        ({"Columns": 0}, "unreadable"),
        ({"BitsAllocated": 0}, "unsupported_pixels"),
        ({"BitsAllocated": 64}, "unsupported_pixels"),
        ({"BitsAllocated": 65_535}, "unsupported_pixels"),
        ({"SamplesPerPixel": 0}, "unsupported_pixels"),
        ({"SamplesPerPixel": 65_535}, "unsupported_pixels"),
        ({"NumberOfFrames": "2147483647"}, "multi_frame"),
        ({"Rows": 65}, "truncated"),
    ],
)
def test_absurd_numbers_in_the_header(header, reason):
    assert reason_of(make_dicom(GREY, **header)) == reason


@pytest.mark.parametrize("header", [{"BitsStored": 0}, {"BitsStored": 999}, {"HighBit": 999}, {"HighBit": 0}])
def test_absurd_bits_are_taken_as_in_most_files(header):
    np.testing.assert_array_equal(decode_image(make_dicom(GREY, **header), MOST).values, GREY)


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_a_stream_that_breaks_off_is_truncated_even_where_its_items_are_whole(syntax):
    noisy = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    whole = make_dicom(noisy, syntax)
    for share in (0.5, 0.7, 0.9):
        assert reason_of(whole[: int(len(whole) * share)]) == "truncated"
    frame = whole[whole.rindex(b"\xfe\xff\x00\xe0") + 8 : -8]
    assert reason_of(make_dicom(noisy, syntax, PixelData=encapsulate([frame[: len(frame) // 2]]))) == "truncated"


def test_two_frames_that_the_header_does_not_mention():
    frame = bytes(jpeg(GREY))
    content = make_dicom(GREY, "jpeg_baseline", PixelData=encapsulate([frame, frame], has_bot=True))
    assert reason_of(content) == "multi_frame"


def test_documents_without_pixels_say_so():
    """A DICOMDIR, a structured report, an encapsulated PDF: no Image Pixel module at all."""
    document = FILE_META + element(0x0008, 0x0060, b"CS", 2, b"SR") + element(0x0042, 0x0011, b"OB", 4, b"%PDF")
    with pytest.raises(Rejection, match="no pixel data") as rejection:
        decode_image(document, MOST)
    assert rejection.value.reason == "unreadable"


def test_an_animated_png_is_refused_before_its_frames_are_drawn():
    control = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    with little_time_and_memory(1, 10):
        assert reason_of(png(64, 64, control)) in ("multi_frame", "unreadable")


def refusal(path) -> tuple[str, str]:
    with pytest.raises(Rejection) as rejection:
        read_image(path, MOST)
    assert rejection.value.passing  # looked at again next time
    return rejection.value.reason, rejection.value.detail


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_what_is_no_regular_file_is_not_opened(tmp_path):
    """A pipe without a writer would wait for ever; a device may already act when it is opened."""
    os.mkfifo(tmp_path / "pipe.dcm")
    (tmp_path / "link.dcm").symlink_to(tmp_path / "pipe.dcm")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.dcm"))
        for name in ("pipe.dcm", "link.dcm", "socket.dcm", "."):
            assert refusal(tmp_path / name) == ("unreadable", "no regular file")
    assert refusal(tmp_path.joinpath("/dev/zero")) == ("unreadable", "no regular file")


def test_a_huge_file_is_not_read(tmp_path):
    with (tmp_path / "huge.dcm").open("wb") as file:
        file.truncate(20_000_000_000)  # sparse
    with little_time_and_memory(1, 10):
        assert refusal(tmp_path / "huge.dcm") == ("too_large", "20000 megabytes")


def test_a_picture_of_another_format_is_not_even_tried():
    file = io.BytesIO()
    Image.fromarray(GREY).save(file, "TIFF")
    assert reason_of(file.getvalue()) == "unreadable"
