import io
import logging
import os
import subprocess
import sys
import warnings

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space
from pydicom.sequence import Sequence

from lung_cxr.imaging.reading.read import decode_image, read_image
from lung_cxr.imaging.reasons import Rejection

LOSSLESS = ["explicit", "implicit", "big_endian", "deflated", "rle", "jpeg_lossless", "jpeg_lossless_sv1", "jpeg2000"]

MOST = 50  # megapixels


def reason_of(content: bytes) -> str:
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    return rejection.value.reason


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (10, np.uint16), (12, np.uint16), (16, np.uint16)])
def test_every_lossless_syntax_gives_the_stored_values(dicom, smooth, syntax, bits, dtype):
    if (syntax, bits) == ("big_endian", 8):
        pytest.skip("the writer at hand does not swap 8-bit words")
    stored = (smooth() * (2**bits - 1)).astype(dtype)
    np.testing.assert_array_equal(decode_image(dicom(stored, syntax, bits), MOST).values, stored)


@pytest.mark.parametrize("bits", [8, 16])
def test_jpeg_ls_gives_the_stored_values(dicom, smooth, bits):
    stored = (smooth() * (2**bits - 1)).astype(f"u{bits // 8}")
    np.testing.assert_array_equal(decode_image(dicom(stored, "jpeg_ls", bits), MOST).values, stored)


@pytest.mark.parametrize(
    ("syntax", "bits", "dtype"), [("jpeg_baseline", 8, np.uint8), ("jpeg_extended", 12, np.uint16)]
)
def test_lossy_jpeg_is_close(dicom, smooth, syntax, bits, dtype):
    stored = (smooth() * (2**bits - 1)).astype(dtype)
    assert np.abs(decode_image(dicom(stored, syntax, bits), MOST).values - stored).mean() < 0.01 * 2**bits


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big_endian"])
def test_signed_values_keep_their_sign(dicom, smooth, syntax):
    stored = (smooth() * 4000 - 2000).astype(np.int16)
    np.testing.assert_array_equal(decode_image(dicom(stored, syntax), MOST).values, stored)


def test_signed_values_of_12_bits_are_extended(dicom):
    stored = np.array([[-2048, -1], [0, 2047]], np.int16)
    packed = (stored & 0x0FFF).astype(np.int16)  # the four high bits are not the value's
    np.testing.assert_array_equal(decode_image(dicom(packed, bits=12), MOST).values, stored)


def test_overlays_in_the_unused_bits_are_left_out(dicom, smooth):
    stored = (smooth() * 1023).astype(np.uint16)
    with_overlay = stored | (np.eye(*stored.shape, dtype=np.uint16) << 15)
    np.testing.assert_array_equal(decode_image(dicom(with_overlay, bits=10), MOST).values, stored)


def test_values_may_lie_in_the_high_bits(dicom, smooth):
    stored = (smooth() * 4095).astype(np.uint16)
    np.testing.assert_array_equal(decode_image(dicom(stored << 4, bits=12, HighBit=15), MOST).values, stored)


def test_rescale_and_window_are_those_of_the_standard(dicom, smooth):
    """PS3.3 C.11.2.1.2.1: the linear window, computed here once more from its formula."""
    stored = (smooth() * 4095).astype(np.uint16)
    header = {"RescaleSlope": "2", "RescaleIntercept": "-1000", "WindowCenter": "3000", "WindowWidth": "2000"}
    rescaled = stored * 2.0 - 1000
    share = np.clip((rescaled - (3000 - 0.5)) / (2000 - 1) + 0.5, 0, 1)
    values = decode_image(dicom(stored, bits=12, **header), MOST).values
    unit = (values - values.min()) / (values.max() - values.min())
    np.testing.assert_allclose(unit, share, atol=1e-5)


def test_a_voi_table_is_applied(dicom, smooth):
    stored = (smooth() * 4095).astype(np.uint16)
    table = Dataset()
    curve = (np.linspace(0, 1, 4096) ** 2 * 65535).astype("<u2")
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "OW", curve.tobytes())
    values = decode_image(dicom(stored, bits=12, VOILUTSequence=Sequence([table])), MOST).values
    np.testing.assert_array_equal(values, curve[stored])


@pytest.mark.parametrize(
    "broken", [{"WindowCenter": "100", "WindowWidth": "0"}, {"WindowCenter": "100", "WindowWidth": "-5"}]
)
def test_a_senseless_window_is_left_out(dicom, smooth, broken):
    stored = (smooth() * 4095).astype(np.uint16)
    np.testing.assert_array_equal(decode_image(dicom(stored, bits=12, **broken), MOST).values, stored)


def test_monochrome1_is_inverted_after_the_window(dicom, smooth):
    stored = (smooth() * 4095).astype(np.uint16)
    window = {"WindowCenter": "2000", "WindowWidth": "1000"}
    plain = decode_image(dicom(stored, bits=12, **window), MOST)
    inverted = decode_image(dicom(stored, bits=12, PhotometricInterpretation="MONOCHROME1", **window), MOST)
    assert inverted.inverted
    assert not plain.inverted
    np.testing.assert_allclose(inverted.values, plain.values.max() + plain.values.min() - plain.values, rtol=1e-5)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_whichever_way_grey_runs(dicom, smooth, photometric):
    stored = (smooth() * 3000 + 500).astype(np.uint16)
    stored[:10] = 4095
    header = {"PhotometricInterpretation": photometric, "PixelPaddingValue": 4095}
    values = decode_image(dicom(stored, bits=12, **header), MOST).values
    assert (values[:10] == values[10:].min()).all()


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg_baseline"])
def test_colour_captures_become_luminance(dicom, smooth, syntax):
    grey = (smooth() * 255).astype(np.uint8)
    values = decode_image(dicom(np.stack([grey] * 3, axis=-1), syntax), MOST).values
    assert np.abs(values - grey).mean() < 2


@pytest.mark.parametrize("syntax", ["explicit", "rle"])
def test_luma_and_chroma_become_luma(dicom, syntax):
    rgb = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    ybr = convert_color_space(rgb, "RGB", "YBR_FULL")
    values = decode_image(dicom(ybr, syntax, PhotometricInterpretation="YBR_FULL"), MOST).values
    assert np.abs(values - rgb @ [0.299, 0.587, 0.114]).max() < 1


def test_a_file_without_preamble_is_read(dicom, smooth):
    stored = (smooth() * 255).astype(np.uint8)
    dataset = pydicom.dcmread(io.BytesIO(dicom(stored, "implicit")))
    bare = Dataset()
    bare.update({element.tag: element for element in dataset})
    file = io.BytesIO()
    pydicom.dcmwrite(file, bare, implicit_vr=True, little_endian=True, enforce_file_format=False)
    assert file.getvalue()[128:132] != b"DICM"
    np.testing.assert_array_equal(decode_image(file.getvalue(), MOST).values, stored)


@pytest.mark.parametrize(
    ("position", "view"),
    [
        ("PA", "PA"),
        ("ap", "AP"),
        ("LL", "lateral"),
        ("RL", "lateral"),
        ("LATERAL", "lateral"),
        ("", "unknown"),
        ("XX", "unknown"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_the_headers_view(dicom, position, view):
    assert decode_image(dicom(np.eye(8, dtype=np.uint8), ViewPosition=position), MOST).view == view


@pytest.mark.parametrize(("says", "found"), [("YES", "YES"), ("NO", "NO"), ("", ""), (None, "")])
def test_the_header_says_whether_text_is_burned_in(dicom, says, found):
    header = {} if says is None else {"BurnedInAnnotation": says}
    assert decode_image(dicom(np.eye(8, dtype=np.uint8), **header), MOST).burned_in == found


def test_what_is_no_single_grey_image_is_refused(dicom):
    square = np.eye(8, dtype=np.uint8)
    assert reason_of(dicom(np.tile(square, (2, 1)), Rows=8, NumberOfFrames=2)) == "multi_frame"
    assert reason_of(dicom(square, PhotometricInterpretation="PALETTE COLOR")) == "unsupported_pixels"
    assert reason_of(dicom(square, BitsAllocated=32)) == "unsupported_pixels"


@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg_lossless_sv1", "jpeg2000", "jpeg_ls", "jpeg_baseline"])
def test_a_file_that_breaks_off_is_not_taken_for_an_image(dicom, smooth, syntax):
    content = dicom((smooth() * 255).astype(np.uint8), syntax)
    for share in (0.3, 0.6, 0.95):
        assert reason_of(content[: int(len(content) * share)]) in ("truncated", "unreadable")


@pytest.mark.parametrize("syntax", ["jpeg_lossless_sv1", "jpeg2000", "jpeg_ls", "jpeg_baseline"])
def test_a_stream_of_another_size_than_the_header_says_is_refused(dicom, smooth, syntax):
    assert reason_of(dicom((smooth() * 255).astype(np.uint8), syntax, Rows=64)) == "unreadable"


def test_neither_warnings_nor_logs_quote_the_header(dicom, caplog, recwarn):
    """pydicom warns of invalid values by quoting them."""
    content = dicom(np.eye(8, dtype=np.uint8), PatientName="Nguyen^Van^Bi^Mat")
    content = content.replace(b"Nguyen^Van^Bi^Mat", b"Nguyen^Van^Bi\xff\x5cat")
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        decode_image(content, MOST)
    assert "Nguyen" not in caplog.text + "".join(str(warning.message) for warning in [*caught, *recwarn])


REAL = {
    "CR-MONO1-10-chest": ((440, 440), True, "PA"),
    "nema_rg1_mono1_jpeg2000.dcm": ((1955, 1841), True, "PA"),
    "nih_dx_implicit_le.dcm": ((1024, 1024), False, "unknown"),
    "presidio_mono1_rle_burned_in.dcm": ((1760, 2140), True, "unknown"),
    "siim_cr_jpeg_baseline.dcm": ((1024, 1024), False, "PA"),
}


@pytest.mark.parametrize("name", REAL)
def test_real_radiographs_are_upright_chests(public_cxr, name):
    """Black air, white bone: the middle (mediastinum) is whiter than the lungs at either side."""
    radiograph = read_image(public_cxr / "full/dicom" / name, MOST)
    assert (radiograph.values.shape, radiograph.inverted, radiograph.view) == REAL[name]
    height, width = radiograph.values.shape
    band = radiograph.values[int(height * 0.35) : int(height * 0.6)]
    lungs = [band[:, int(width * start) : int(width * end)].mean() for start, end in ((0.2, 0.35), (0.7, 0.85))]
    assert band[:, int(width * 0.45) : int(width * 0.55)].mean() > max(lungs)
    assert radiograph.burned_in == ""


READ_ONE = """
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG)
warnings.simplefilter("always")
from pathlib import Path
from lung_cxr.imaging.reading.read import read_image
read_image(Path(sys.argv[1]), 50)
"""


def test_a_name_in_the_header_reaches_no_log_of_a_process_that_reads_its_first_file(dicom, tmp_path, project):
    content = dicom(np.ones((8, 8), np.uint16), SpecificCharacterSet="ISO_IR 100", PatientName="Bi Mat")
    assert content.count(b"ISO_IR 100") == 1
    (tmp_path / "a.dcm").write_bytes(content.replace(b"ISO_IR 100", b"NGUYEN_BI "))
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-c", READ_ONE, str(tmp_path / "a.dcm")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert "NGUYEN" not in done.stdout + done.stderr
