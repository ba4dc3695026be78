"""For any bytes the reader returns a finite image or one reason, in bounded time."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lung_cxr.imaging.reading.radiograph import Radiograph
from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reasons import IMAGE_FAULTS, Rejection
from made_up_dicom import SYNTAXES, make_dicom

MOST = 0.25  # megapixels: also limits inflated data to 2 MB
SIDE = 16  # a quarter of the images here, so that JPEG 2000 is decoded reduced
LOSSY = ("jpeg_baseline", "jpeg_ls")  # of 8 bits here, as the encoders have it

PIXELS = np.add.outer(np.arange(72), np.arange(64)) * 25 + np.random.default_rng(0).integers(0, 500, (72, 64))


def picture(kind: str, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray((PIXELS >> 4).astype(np.uint8)).save(file, kind, **options)
    return file.getvalue()


def every_encoding() -> list[bytes]:
    deep, shallow = PIXELS.astype(np.uint16), (PIXELS >> 4).astype(np.uint8)
    window = {"WindowCenter": "2000", "WindowWidth": "3000", "RescaleSlope": "2", "RescaleIntercept": "-100"}
    plain = [make_dicom(shallow, name) if name in LOSSY else make_dicom(deep, name, 12, **window) for name in SYNTAXES]
    colour = [make_dicom(np.stack([shallow] * 3, -1), name) for name in ("explicit", "rle", "jpeg_baseline")]
    signed = make_dicom((PIXELS - 1000).astype(np.int16), PixelPaddingValue=-1000)
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "PNG")
    pictures = [picture("PNG"), picture("JPEG"), picture("JPEG", progressive=True), file.getvalue()]
    return [*plain, *colour, signed, *pictures]


WHOLE = every_encoding()
TELLING = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\xfe\xff\x00\xe0",
    b"\xff\xd9",
    b"SQ\0\0",
]


def flip(data: bytes, where: float, bits: int) -> bytes:
    changed = bytearray(data)
    changed[int(where * (len(data) - 1))] ^= bits
    return bytes(changed)


def overwrite(data: bytes, where: float, piece: bytes) -> bytes:
    start = int(where * len(data))
    return data[:start] + piece + data[start + len(piece) :]


def insert(data: bytes, where: float, piece: bytes) -> bytes:
    start = int(where * len(data))
    return data[:start] + piece + data[start:]


def cut_out(data: bytes, where: float, length: int) -> bytes:
    start = int(where * len(data))
    return data[:start] + data[start + length :]


def splice(data: bytes, where: float, other: int) -> bytes:
    """The beginning of one file and the end of another."""
    tail = WHOLE[other]
    return data[: int(where * len(data))] + tail[int(where * len(tail)) :]


HEADERS_MORE_OFTEN = st.one_of(st.floats(0, 1), st.floats(0, 0.15))  # of a file's length
PIECES = st.one_of(st.sampled_from(TELLING), st.binary(min_size=1, max_size=12))
CHANGES = st.one_of(
    st.tuples(st.just(flip), HEADERS_MORE_OFTEN, st.integers(1, 255)),
    st.tuples(st.just(overwrite), HEADERS_MORE_OFTEN, PIECES),
    st.tuples(st.just(insert), HEADERS_MORE_OFTEN, PIECES),
    st.tuples(st.just(cut_out), HEADERS_MORE_OFTEN, st.integers(1, 5000)),
    st.tuples(st.just(splice), HEADERS_MORE_OFTEN, st.integers(0, len(WHOLE) - 1)),
)
DAMAGED = st.builds(
    lambda start, changes: [start, *changes], st.sampled_from(WHOLE), st.lists(CHANGES, min_size=1, max_size=6)
)


def damaged(recipe: list) -> bytes:
    data, *changes = recipe
    for change, where, what in changes:
        data = change(data, where, what) if data else data
    return data


def outcome(data: bytes, side: int | None = None) -> Radiograph | str:
    """The image or the reason that there is none."""
    try:
        return decode_image(data, MOST, side)
    except Rejection as rejection:
        return rejection.reason


def check(data: bytes, side: int | None) -> None:
    found = outcome(data, side)
    if isinstance(found, str):
        assert found in IMAGE_FAULTS
        return
    height, width = found.stored_values.shape
    assert 0 < height <= found.rows
    assert 0 < width <= found.columns
    assert found.rows * found.columns <= MOST * 1e6
    assert found.stored_values.max() < len(found.lut)
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("side", [None, SIDE])
@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_the_undamaged_files_are_images(number, side):
    assert decode_image(WHOLE[number], MOST, side).rows == 72


@settings(max_examples=200, deadline=2000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(recipe=DAMAGED, side=st.sampled_from([None, SIDE]))
def test_a_damaged_file_is_an_image_or_has_one_reason(recipe, side):
    check(damaged(recipe), side)


@pytest.mark.slow
@settings(max_examples=6_000, deadline=5000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(recipe=DAMAGED, side=st.sampled_from([None, SIDE]))
def test_many_more_damaged_files(recipe, side):
    check(damaged(recipe), side)


@settings(max_examples=200, deadline=2000, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    data=st.binary(max_size=600),
    start=st.sampled_from([b"", bytes(128) + b"DICM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"]),
)
def test_rubbish_has_one_reason(data, start):
    check(start + data, None)


@pytest.mark.parametrize("number", range(len(WHOLE)))
def test_every_beginning_of_a_file_is_refused_or_lacks_nothing_that_shows(number):
    """Cut at each of 60 places; only bytes after the pixels may be missing."""
    whole = decode_image(WHOLE[number], MOST).values
    for length in np.linspace(0, len(WHOLE[number]) - 1, 60).astype(int):
        found = outcome(WHOLE[number][:length])
        if isinstance(found, str):
            assert found in ("truncated", "unreadable")
        else:
            np.testing.assert_array_equal(found.values, whole)
