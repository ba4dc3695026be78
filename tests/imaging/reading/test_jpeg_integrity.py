"""Damaged, cut and unusually ended JPEG streams, in files and in DICOM."""

import io

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from pydicom.encaps import encapsulate

from lung_cxr.imaging.reading import jpeg_integrity
from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reasons import Rejection
from made_up_dicom import make_dicom

MOST = 50  # megapixels
DAMAGED = ("damaged", "truncated")
LOSSY = {
    "baseline": {},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.fixture(scope="module")
def grey(smooth) -> np.ndarray:
    return (smooth(5, 300, 250) * 255).astype(np.uint8)


def jpeg(grey: np.ndarray, kind: str = "baseline", mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.fromarray(grey).convert(mode).save(file, "JPEG", quality=90, **LOSSY[kind])
    return file.getvalue()


def twelve_bits(grey: np.ndarray) -> bytes:
    return imagecodecs.jpeg8_encode(grey.astype(np.uint16) * 16, level=95, bitspersample=12)


def in_dicom(grey: np.ndarray, stream: bytes, syntax: str = "jpeg_baseline", bits: int = 8) -> bytes:
    pixels = grey if bits == 8 else grey.astype(np.uint16)
    return make_dicom(pixels, syntax, bits, PixelData=encapsulate([stream]))


def start_of_data(stream: bytes) -> int:
    return stream.rindex(b"\xff\xda") + 20


def cut(stream: bytes, share: float) -> bytes:
    """Return the stream without its end, closed with EOI."""
    start = start_of_data(stream)
    return stream[: start + int((len(stream) - start) * share)].removesuffix(b"\xff") + b"\xff\xd9"


def reason_of(content: bytes) -> str:
    try:
        decode_image(content, MOST)
    except Rejection as rejection:
        return rejection.reason
    return ""


@pytest.mark.parametrize("kind", LOSSY)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_whole_streams_are_read(grey, kind, mode):
    stream = jpeg(grey, kind, mode)
    assert reason_of(stream) == ""
    colour = grey if mode == "L" else np.stack([grey] * 3, -1)
    assert reason_of(in_dicom(colour, stream)) == ""


@pytest.mark.parametrize("kind", LOSSY)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.98])
def test_a_cut_stream_closed_with_its_end_marker_is_truncated(grey, kind, share):
    stream = cut(jpeg(grey, kind), share)
    assert reason_of(stream) == "truncated"
    assert reason_of(in_dicom(grey, stream)) == "truncated"


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_stream_that_libjxl_cannot_parse_is_truncated(grey, share):
    assert reason_of(in_dicom(grey, twelve_bits(grey), "jpeg_extended", 12)) == ""
    assert reason_of(in_dicom(grey, cut(twelve_bits(grey), share), "jpeg_extended", 12)) == "truncated"


@pytest.mark.parametrize("syntax", ["jpeg_lossless_sv1", "jpeg_ls"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_lossless_stream_is_damaged(grey, syntax, share):
    encode = imagecodecs.ljpeg_encode if "lossless" in syntax else imagecodecs.jpegls_encode
    assert reason_of(in_dicom(grey, cut(encode(grey), share), syntax)) in DAMAGED


def test_random_bytes_within_a_stream_are_damage(grey):
    rng = np.random.default_rng(0)
    for syntax, stream in (
        ("jpeg_baseline", jpeg(grey)),
        ("jpeg_baseline", jpeg(grey, "progressive")),
        ("jpeg_lossless_sv1", imagecodecs.ljpeg_encode(grey)),
        ("jpeg_ls", imagecodecs.jpegls_encode(grey)),
    ):
        found = 0
        for _ in range(10):
            at = rng.integers(start_of_data(stream), len(stream) - 100)
            noise = rng.integers(0, 255, 40, dtype=np.uint8).tobytes()
            found += reason_of(in_dicom(grey, stream[:at] + noise + stream[at + 40 :], syntax)) in (
                *DAMAGED,
                "unreadable",
            )
        assert found >= 8, syntax


def test_a_jump_of_brightness_between_two_rows_of_blocks_is_damage(grey):
    darker = (grey * 0.6).astype(np.uint8)
    assert not jpeg_integrity._has_seam(darker, 255)
    jumped = darker.copy()
    jumped[152:] += 40
    assert jpeg_integrity._has_seam(jumped, 255)
    bordered = darker.copy()
    bordered[:40], bordered[280:] = 0, 255
    assert not jpeg_integrity._has_seam(bordered, 255)


@pytest.mark.parametrize("tail", [b"\xff", b"\xff" * 9, b"\0" * 700, b"\xff\0\xff\0", b"vendor text"])
@pytest.mark.parametrize("syntax", ["jpeg_baseline", "jpeg_lossless_sv1", "jpeg_ls", "jpeg2000"])
def test_bytes_after_the_end_marker_are_ignored(grey, syntax, tail):
    streams = {
        "jpeg_baseline": jpeg(grey),
        "jpeg_lossless_sv1": imagecodecs.ljpeg_encode(grey),
        "jpeg_ls": imagecodecs.jpegls_encode(grey),
        "jpeg2000": imagecodecs.jpeg2k_encode(grey, level=0, codecformat="j2k", reversible=True),
    }
    values = decode_image(in_dicom(grey, streams[syntax] + tail, syntax), MOST).values
    assert np.abs(values - grey).mean() < (3 if syntax == "jpeg_baseline" else 1e-6)


@pytest.mark.parametrize("syntax", ["jpeg_baseline", "jpeg_lossless_sv1", "jpeg_ls", "jpeg2000"])
def test_only_a_missing_end_marker_is_no_damage(grey, syntax):
    whole = make_dicom(grey, syntax)
    stream = {"jpeg_baseline": jpeg(grey)}.get(syntax) or whole[whole.rindex(b"\xfe\xff\x00\xe0") + 8 : -8].rstrip(
        b"\0"
    )
    assert stream.endswith(b"\xff\xd9")
    values = decode_image(in_dicom(grey, stream[:-2], syntax), MOST).values
    assert np.abs(values - grey).mean() < (3 if syntax == "jpeg_baseline" else 1e-6)
    assert reason_of(in_dicom(grey, stream[: len(stream) * 3 // 4], syntax)) == "truncated"


def test_thousands_of_scans_are_too_slow(grey):
    stream = jpeg(grey, "progressive")
    last = stream[stream.rindex(b"\xff\xda") : -2]
    bomb = stream[:-2] + last * 500 + b"\xff\xd9"
    assert reason_of(bomb) == reason_of(in_dicom(grey, bomb)) == "too_slow"


@pytest.mark.parametrize("cut", [1, 3, -1])
def test_a_progressive_stream_without_all_its_scans_is_truncated(grey, cut):
    stream = jpeg(grey, "progressive")
    starts = [at for at in range(len(stream)) if stream.startswith(b"\xff\xda", at)]
    coarse = stream[: starts[cut]] + b"\xff\xd9"
    assert reason_of(coarse) == reason_of(in_dicom(grey, coarse)) == "truncated"
