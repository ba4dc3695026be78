"""Headers that describe the stored bits wrongly, and overlays and junk beside the value."""

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate

from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reading.stored_bits import Bits, find_bits
from lung_cxr.imaging.reasons import Rejection
from made_up_dicom import make_dicom

MOST = 50  # megapixels


@pytest.fixture(scope="module")
def grey(smooth) -> np.ndarray:
    """(300, 260) float, 0…1, with the noise of a detector."""
    return smooth(4, 300, 260)


def integers(grey: np.ndarray, bits: int) -> np.ndarray:
    return np.round(grey * (2**bits - 1)).astype(np.uint16)


def correlation(radiograph, grey: np.ndarray) -> float:
    return float(np.corrcoef(radiograph.values.ravel(), grey.ravel())[0, 1])


@pytest.mark.parametrize(("stored", "actual"), [(8, 10), (8, 12), (10, 12), (12, 13), (12, 14), (12, 16), (14, 16)])
@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg_lossless_sv1"])
def test_values_above_bits_stored_are_kept(grey, stored, actual, syntax):
    values = integers(grey, actual)
    header = {"BitsStored": stored, "HighBit": stored - 1}
    radiograph = decode_image(make_dicom(values, syntax, 16, **header), MOST)
    np.testing.assert_array_equal(radiograph.values, values)
    assert radiograph.bits_corrected


@pytest.mark.parametrize("high_bit", [11, 13])
def test_left_aligned_values_with_a_wrong_high_bit_are_kept(grey, high_bit):
    values = integers(grey, 12) << 4
    radiograph = decode_image(make_dicom(values, bits=12, HighBit=high_bit), MOST)
    assert correlation(radiograph, grey) > 0.9999


def test_right_aligned_values_under_a_left_aligned_header_are_kept(grey):
    radiograph = decode_image(make_dicom(integers(grey, 12), bits=12, HighBit=15), MOST)
    assert correlation(radiograph, grey) > 0.999


@pytest.mark.parametrize("beside", ["overlay", "junk", "constant"])
def test_bits_beside_the_value_are_ignored(grey, beside):
    values = integers(grey, 12)
    rng = np.random.default_rng(0)
    disc = (np.hypot(*(np.mgrid[0:300, 0:260] - 130)) < 90).astype(np.uint16)
    extra = {"overlay": disc << 12, "junk": rng.integers(0, 2, values.shape) << 14, "constant": 0xC000}[beside]
    radiograph = decode_image(make_dicom((values | extra).astype(np.uint16), bits=12), MOST)
    np.testing.assert_array_equal(radiograph.values, values)
    assert not radiograph.bits_corrected


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg_lossless_sv1"])
def test_unsigned_values_under_a_signed_header_are_kept(grey, bits, syntax):
    values = integers(grey, bits)
    radiograph = decode_image(make_dicom(values, syntax, bits, PixelRepresentation=1), MOST)
    np.testing.assert_array_equal(radiograph.values, values)
    assert radiograph.bits_corrected


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("extended", [True, False])
def test_small_signed_values_under_an_unsigned_header_keep_their_order(grey, bits, extended):
    values = np.round((grey - 0.5) * 1500).astype(np.int16)
    words = values.view(np.uint16) if extended else values.view(np.uint16) & np.uint16((1 << bits) - 1)
    radiograph = decode_image(make_dicom(words, bits=bits), MOST)
    assert correlation(radiograph, grey) > 0.9999


@pytest.mark.parametrize("precision", [12, 16])
def test_the_sign_bit_of_lossless_jpeg_is_that_of_bits_stored(grey, precision):
    values = np.round((grey - 0.4) * 4000).clip(-2048, 2047).astype(np.int16)
    words = values.view(np.uint16) & np.uint16(0x0FFF)
    frame = imagecodecs.ljpeg_encode(words, bitspersample=precision)
    content = make_dicom(words, "jpeg_lossless_sv1", 12, PixelRepresentation=1, PixelData=encapsulate([frame]))
    np.testing.assert_array_equal(decode_image(content, MOST).values, values)


@pytest.mark.parametrize("stream_signed", [True, False])
@pytest.mark.parametrize("side", [None, 100])
def test_header_and_jpeg_2000_may_disagree_about_the_sign(grey, stream_signed, side):
    values = np.round((grey - 0.4 * stream_signed) * 3000).astype(np.int16 if stream_signed else np.uint16)
    frame = imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True, bitspersample=16)
    header = {"PixelRepresentation": int(not stream_signed), "PixelData": encapsulate([frame])}
    radiograph = decode_image(make_dicom(values, "jpeg2000", 16, **header), MOST, side)
    assert radiograph.stored_values.shape == grey.shape
    assert correlation(radiograph, grey) > 0.9999


def test_correct_headers_are_trusted(grey):
    for signed, extended in ((False, False), (True, True), (True, False)):
        values = integers(grey, 12) if not signed else np.round((grey - 0.3) * 4000).clip(-2048, 2047).astype(np.int16)
        words = values.view(np.uint16) if extended or not signed else values.view(np.uint16) & np.uint16(0x0FFF)
        declared = Bits(12, 0, signed)
        assert find_bits(words, declared, 16, None) == declared


def test_noise_in_every_reading_is_rejected():
    noise = np.random.default_rng(0).integers(0, 65536, (200, 200)).astype(np.uint16)
    with pytest.raises(Rejection) as rejection:
        decode_image(make_dicom(noise, bits=12), MOST)
    assert rejection.value.reason == "implausible_pixels"


@pytest.mark.parametrize(("vr", "value"), [("US", 63536), ("SS", -2000)])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_of_signed_values_is_found_whatever_sign_its_element_has(grey, vr, value, photometric):
    values = np.round(grey * 3000 - 900).astype(np.int16)
    values[:60] = -2000
    content = make_dicom(values, bits=16, PhotometricInterpretation=photometric)
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
    dataset.add_new("PixelPaddingValue", vr, value)
    file = pydicom.filebase.DicomBytesIO()
    dataset.save_as(file)
    shown = decode_image(file.getvalue(), MOST).values
    assert (shown[:60] == shown[60:].min()).all()


def test_padding_outside_bits_stored_is_found(grey):
    words = integers(grey, 12)
    words[:60] = 0xFFFF
    radiograph = decode_image(make_dicom(words, bits=12, PixelPaddingValue=0xFFFF), MOST)
    np.testing.assert_array_equal(radiograph.values[60:], words[60:])
    assert (radiograph.values[:60] == words[60:].min()).all()


@pytest.mark.parametrize("syntax", ["big_endian", "explicit"])
def test_a_second_decoder_confirms_unusual_files(grey, syntax, monkeypatch):
    values = np.round((grey - 0.5) * 3000).astype(np.int16)
    content = make_dicom(values, syntax)
    np.testing.assert_array_equal(decode_image(content, MOST).values, values)
    other = np.random.default_rng(0).permuted(values)
    monkeypatch.setattr("lung_cxr.imaging.reading.second_decoder._pydicom_pixels", lambda *_: other)
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert (rejection.value.reason, rejection.value.detail) == ("implausible_pixels", "decoders disagree")


def test_one_value_in_the_middle_of_the_range_shows_that_values_are_unsigned(grey):
    words = (integers(grey, 8).astype(np.int16) - 128).view(np.uint16) & np.uint16(0xFFF)
    declared = Bits(12, 0, False)
    assert find_bits(words, declared, 16, None) == Bits(12, 0, True)
    words[1, 0] = 2048  # in a row that a sample of the rows omits
    assert find_bits(words, declared, 16, None) == declared
