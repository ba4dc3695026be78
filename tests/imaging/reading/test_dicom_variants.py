"""Rarer DICOM files: other windows and byte orders, missing and wrong elements, fragments, JPEG 2000."""

import io
import struct

import cv2
import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2KLossless, JPEG2000Lossless, JPEGBaseline8Bit

from lung_cxr.imaging.reading.read import decode_image, read_image
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import standardise
from lung_cxr.parameters import StandardiseParameters
from made_up_dicom import make_dicom

MOST = 50  # megapixels
STORE = StandardiseParameters(side=256, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)


def unit(values: np.ndarray) -> np.ndarray:
    return (values - values.min()) / np.ptp(values)


def rewritten(content: bytes, alter) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(content))
    alter(dataset)
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


@pytest.fixture(scope="module")
def stored(smooth) -> np.ndarray:
    return (smooth() * 4095).astype(np.uint16)


@pytest.fixture(scope="module")
def detail(smooth) -> np.ndarray:
    """(1100, 900) uint16 of 12 bits, with noise as a detector has it."""
    coarse = cv2.resize(smooth(3).astype(np.float32), (900, 1100), interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(0).normal(0, 15, coarse.shape)
    return np.clip(coarse * 3800 + 150 + noise, 0, 4095).astype(np.uint16)


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_further_window_functions_are_those_of_the_standard(stored, function):
    """PS3.3 C.11.2.1.3."""
    header = {"WindowCenter": "2000", "WindowWidth": "1500", "VOILUTFunction": function}
    scaled = (stored - 2000.0) / 1500
    expected = 1 / (1 + np.exp(-4 * scaled)) if function == "SIGMOID" else np.clip(scaled + 0.5, 0, 1)
    np.testing.assert_allclose(
        unit(decode_image(make_dicom(stored, bits=12, **header), MOST).values), unit(expected), atol=1e-4
    )


def test_the_first_of_several_windows_is_used(stored):
    one = make_dicom(stored, bits=12, WindowCenter="2000", WindowWidth="1500")
    several = make_dicom(stored, bits=12, WindowCenter=["2000", "9"], WindowWidth=["1500", "2"])
    np.testing.assert_array_equal(decode_image(several, MOST).values, decode_image(one, MOST).values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"RescaleSlope": "0", "RescaleIntercept": "0"},
        {"RescaleSlope": "1e300", "RescaleIntercept": "1e308"},
        {"WindowCenter": "-90000", "WindowWidth": "10"},
    ],
)
def test_transforms_that_leave_no_picture_are_left_out(stored, wrong):
    values = decode_image(make_dicom(stored, bits=12, **wrong), MOST).values
    np.testing.assert_allclose(unit(values), unit(stored), atol=1e-6)


@pytest.mark.parametrize(
    "keywords",
    [("BitsStored", "HighBit"), ("PixelRepresentation",), ("SamplesPerPixel",), ("SOPClassUID", "SOPInstanceUID")],
)
def test_missing_elements_get_their_usual_values(stored, keywords):
    def without(dataset):
        for keyword in keywords:
            delattr(dataset, keyword)

    np.testing.assert_array_equal(decode_image(rewritten(make_dicom(stored), without), MOST).values, stored)


def parts(content: bytes) -> tuple[bytes, bytes]:
    """Return the file meta information with its preamble, and the data set."""
    end = 144 + struct.unpack("<L", content[140:144])[0]
    return content[:end], content[end:]


@pytest.mark.parametrize("written", ["explicit", "implicit"])
@pytest.mark.parametrize("said", ["explicit", "implicit", "nothing", "no preamble"])
def test_the_data_set_says_how_it_is_encoded_where_the_file_meta_is_wrong_or_missing(stored, written, said):
    data_set = parts(make_dicom(stored, written))[1]
    start = {"nothing": bytes(128) + b"DICM", "no preamble": b""}.get(said)
    if start is None:
        start = parts(make_dicom(stored, said))[0]
    np.testing.assert_array_equal(decode_image(start + data_set, MOST).values, stored)


def test_bytes_of_an_odd_sized_8_bit_image_in_big_endian_words(smooth):
    grey = (smooth(height=11, width=9) * 255).astype(np.uint8)
    swapped = np.append(grey.ravel(), np.uint8(0)).view("<u2").astype(">u2").tobytes()
    content = make_dicom(grey, "big_endian", PixelData=swapped)
    np.testing.assert_array_equal(decode_image(content, MOST).values, grey)


def test_subsampled_chroma(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    pairs = np.full((grey.size // 2, 4), 128, np.uint8)
    pairs[:, :2] = grey.reshape(-1, 2)
    header = {"PhotometricInterpretation": "YBR_FULL_422", "PixelData": pairs.tobytes()}
    np.testing.assert_array_equal(decode_image(make_dicom(np.stack([grey] * 3, -1), **header), MOST).values, grey)


def test_planes_of_colour(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    header = {"PlanarConfiguration": 1, "PixelData": grey.tobytes() * 3}
    np.testing.assert_array_equal(decode_image(make_dicom(np.stack([grey] * 3, -1), **header), MOST).values, grey)


def test_a_frame_in_several_fragments(stored):
    frame = imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k", reversible=True, bitspersample=12)
    content = make_dicom(stored, "jpeg2000", 12, PixelData=encapsulate([frame], fragments_per_frame=4, has_bot=False))
    np.testing.assert_array_equal(decode_image(content, MOST).values, stored)


def test_an_offset_table_may_list_fragments(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    frame = imagecodecs.jpegls_encode(grey)
    pieces = [frame[start : start + 1000] for start in range(0, len(frame), 1000)]
    pieces = [piece + bytes(len(piece) % 2) for piece in pieces]
    offsets = np.cumsum([0, *(len(piece) + 8 for piece in pieces[:-1])]).astype("<u4").tobytes()
    for table in (offsets, b"", None):
        items = pieces if table is None else [table, *pieces]
        data = b"".join(struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in items)
        content = make_dicom(grey, "jpeg_ls", PixelData=data)
        np.testing.assert_array_equal(decode_image(content, MOST).values, grey)


@pytest.mark.parametrize("syntax", ["jpeg2000", "jpeg_baseline", "rle"])
def test_native_pixels_under_a_compressed_syntax_are_read(smooth, syntax):
    grey = (smooth() * 255).astype(np.uint8)
    start, data_set = parts(make_dicom(grey, syntax))[0], parts(make_dicom(grey))[1]
    np.testing.assert_array_equal(decode_image(start + data_set, MOST).values, grey)


def test_a_stream_without_items_is_read(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    frame = imagecodecs.jpegls_encode(grey)
    start = parts(make_dicom(grey, "jpeg_ls"))[0]
    data_set = parts(make_dicom(grey, PixelData=frame + bytes(len(frame) % 2)))[1]
    np.testing.assert_array_equal(decode_image(start + data_set, MOST).values, grey)


def test_jpeg_xl_in_dicom_is_named(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    content = make_dicom(grey, "jpeg2000", PixelData=encapsulate([imagecodecs.jpegxl_encode(grey)]))
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert (rejection.value.reason, rejection.value.detail) == ("unsupported_pixels", "JPEG XL")


@pytest.mark.parametrize("syntax", ["jpeg_lossless", "jpeg_ls", "jpeg2000"])
def test_the_stream_says_what_it_is_where_the_transfer_syntax_is_wrong(smooth, syntax):
    grey = (smooth() * 255).astype(np.uint8)
    content = make_dicom(grey, syntax)

    def mislabelled(dataset):
        dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit

    np.testing.assert_array_equal(decode_image(rewritten(content, mislabelled), MOST).values, grey)


def test_high_throughput_jpeg_2000(stored):
    def relabelled(dataset):
        dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
        dataset.PixelData = encapsulate([imagecodecs.htj2k_encode(stored)])

    content = rewritten(make_dicom(stored, "jpeg2000"), relabelled)
    np.testing.assert_array_equal(decode_image(content, MOST).values, stored)


def test_jpeg_2000_is_decoded_no_larger_than_needed_and_says_how_large_it_was(detail):
    content = make_dicom(detail, "jpeg2000", 12)
    shapes = {side: decode_image(content, MOST, side).stored_values.shape for side in (1100, 551, 550, 275, 100)}
    assert shapes == {1100: (1100, 900), 551: (1100, 900), 550: (550, 450), 275: (275, 225), 100: (138, 113)}
    small = decode_image(content, MOST, 275)
    assert (small.rows, small.columns, len(small.lut)) == (1100, 900, 4096)


@pytest.mark.parametrize("signed", [False, True])
def test_reduced_jpeg_2000_keeps_the_scale_of_its_values(detail, signed):
    values = detail.astype(np.int16) - 2048 if signed else detail
    frame = imagecodecs.jpeg2k_encode(values, level=0, codecformat="j2k", reversible=True, bitspersample=12)
    content = make_dicom(values, "jpeg2000", 12, PixelData=encapsulate([frame]))
    np.testing.assert_array_equal(decode_image(content, MOST).values, values)
    area = cv2.resize(values.astype(np.float32), (450, 550), interpolation=cv2.INTER_AREA)
    reduced = decode_image(content, MOST, 550).values
    assert abs((reduced - area).mean()) < 1
    assert np.abs(reduced - area).mean() < 15  # the noise that the wavelet keeps and the mean does not


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_stored_pixels_of_jpeg_2000_are_close_to_those_of_the_uncompressed_image(detail, photometric):
    header = {"PhotometricInterpretation": photometric, "WindowCenter": "2000", "WindowWidth": "3500"}
    reduced, whole = (
        standardise(decode_image(make_dicom(detail, syntax, 12, **header), MOST, STORE.side), STORE).astype(int)
        for syntax in ("jpeg2000", "explicit")
    )
    assert np.abs(reduced - whole).mean() < 2.5  # of 255: noise, and a shift by less than half a stored pixel
    assert np.corrcoef(reduced.ravel(), whole.ravel())[0, 1] > 0.998


def test_padding_is_found_before_anything_is_shrunk(detail):
    """A mean of padding and tissue would be a grey of its own: such files are decoded whole."""
    padded = detail.copy()
    padded[:, :77] = 4095
    content = make_dicom(padded, "jpeg2000", 12, PixelPaddingValue=4095)
    radiograph = decode_image(content, MOST, 275)
    assert radiograph.stored_values.shape == (1100, 900)
    assert (radiograph.values[:, :77] == radiograph.values[:, 77:].min()).all()


REAL = ("CR-MONO1-10-chest", "nema_rg1_mono1_jpeg2000.dcm", "nih_dx_implicit_le.dcm", "siim_cr_jpeg_baseline.dcm")


@pytest.mark.parametrize("name", [*REAL, "presidio_mono1_rle_burned_in.dcm"])
def test_real_radiographs_are_stored_as_chests(public_cxr, name):
    """Lungs are darker than the mediastinum, and the whole range of grey is used."""
    content = read_image(public_cxr / "full/dicom" / name, MOST)
    image = standardise(
        content, StandardiseParameters(side=1024, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)
    )
    height, width = image.shape
    assert max(height, width) == 1024
    assert height / width == pytest.approx(content.rows / content.columns, rel=0.01)
    band = image[int(height * 0.35) : int(height * 0.6)]
    middle = band[:, int(width * 0.45) : int(width * 0.55)].mean()
    lungs = [band[:, int(width * start) : int(width * end)].mean() for start, end in ((0.2, 0.35), (0.7, 0.85))]
    assert middle > max(lungs) + 20
    assert np.percentile(image, 99) - np.percentile(image, 1) > 150


@pytest.mark.parametrize(("name", "bits"), [(REAL[1], 15), ("presidio_mono1_rle_burned_in.dcm", 10)])
def test_a_real_radiograph_reads_alike_in_jpeg_2000(public_cxr, name, bits):
    """A public file encoded once more: the reduced picture against the whole one."""
    source = read_image(public_cxr / "full/dicom" / name, MOST)
    content = make_dicom(source.stored_values, "jpeg2000", bits)
    chosen = StandardiseParameters(side=512, percentiles=(0.5, 99.5), aspect="pad", max_inversion=None)
    reduced, whole = (standardise(decode_image(content, MOST, side), chosen).astype(int) for side in (512, None))
    assert decode_image(content, MOST, 512).stored_values.size < source.stored_values.size / 3.9
    assert np.abs(reduced - whole).mean() < 3  # of 255; the letters' edges, moved by a third of a stored pixel
    assert np.corrcoef(reduced.ravel(), whole.ravel())[0, 1] > 0.985


def test_jpeg_2000_that_cannot_be_halved_is_decoded_whole(detail):
    frame = imagecodecs.jpeg2k_encode(detail, level=0, codecformat="j2k", bitspersample=12, resolutions=1)
    content = make_dicom(detail, "jpeg2000", 12, PixelData=encapsulate([frame]))
    assert pydicom.dcmread(io.BytesIO(content)).file_meta.TransferSyntaxUID == JPEG2000Lossless
    np.testing.assert_array_equal(decode_image(content, MOST, 275).values, detail)


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"Rows": 48}, "multi_frame"),  # of 96
        ({"Rows": 70}, "implausible_pixels"),
        ({"Columns": 79}, "implausible_pixels"),  # a sheared image
        ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "multi_frame"),
    ],
)
def test_more_pixels_than_the_header_states_are_a_fault(smooth, header, reason):
    content = make_dicom((smooth() * 4095).astype(np.uint16), bits=12, **header)
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert rejection.value.reason == reason


def test_bytes_that_pad_the_pixels_are_left_out(smooth):
    stored = (smooth() * 4095).astype(np.uint16)
    content = make_dicom(stored, bits=12, PixelData=stored.tobytes() + bytes(2048))
    np.testing.assert_array_equal(decode_image(content, MOST).values, stored)


def test_a_range_of_padding_that_covers_anatomy_is_left_out(smooth):
    stored = (smooth() * 4000 + 9).astype(np.uint16)
    content = make_dicom(stored, bits=12, PixelPaddingValue=0, PixelPaddingRangeLimit=3000)
    np.testing.assert_array_equal(decode_image(content, MOST).values, stored)


@pytest.mark.parametrize("modality", ["CT", "MR", "US", "MG"])
def test_another_modality_is_no_radiograph(smooth, modality):
    stored = (smooth() * 255).astype(np.uint8)
    with pytest.raises(Rejection) as rejection:
        decode_image(make_dicom(stored, Modality=modality), MOST)
    assert rejection.value.reason == "not_a_radiograph"
    for radiography in ("CR", "DX", "OT", ""):
        assert decode_image(make_dicom(stored, Modality=radiography), MOST).rows == 96


@pytest.mark.parametrize("start", [b"\xff\xd8", b"\xff\x0a", b"\xff\x4f\xff\x51"])
def test_pixels_that_begin_like_a_stream_are_pixels(smooth, start):
    stored = (smooth() * 255).astype(np.uint8)
    stored[0, : len(start)] = list(start)
    np.testing.assert_array_equal(decode_image(make_dicom(stored), MOST).values, stored)
