import io
from dataclasses import replace

import imagecodecs
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from lung_cxr.synthetic.hospital.image_files import ENCODINGS, FileFormat, burn_in, choose_format, write_image

DECODERS = {
    "jpeg2000": imagecodecs.jpeg2k_decode,
    "jpeg_lossless": imagecodecs.ljpeg_decode,
    "jpeg_ls": imagecodecs.jpegls_decode,
}


@pytest.fixture
def image() -> np.ndarray:
    """Grey from below black to above white, a little noisy."""
    ramp = np.linspace(-0.2, 1.2, 48, dtype=np.float32)[None].repeat(40, axis=0)
    return ramp + np.random.default_rng(0).normal(0, 0.01, ramp.shape).astype(np.float32)


@pytest.fixture
def exam(schedule):
    return next(exam for exam in schedule if exam.extension == "dcm" and not exam.burned_in and exam.view == "PA")


def file_format(encoding="explicit", photometric="MONOCHROME2", bits=12, voi="window") -> FileFormat:
    return FileFormat(encoding, photometric, bits, voi, "CR", rescaled=False)


def stored(content: bytes, encoding: str) -> tuple[pydicom.Dataset, np.ndarray]:
    dataset = pydicom.dcmread(io.BytesIO(content))
    if encoding in DECODERS:
        return dataset, DECODERS[encoding](next(generate_frames(dataset.PixelData, number_of_frames=1)))
    return dataset, dataset.pixel_array


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("bits", [12, 16])
def test_every_transfer_syntax_holds_the_same_pixels(image, exam, encoding, bits):
    plain = stored(write_image(image, 0.8, exam, file_format(bits=bits), 1), "explicit")[1]
    dataset, pixels = stored(write_image(image, 0.8, exam, file_format(encoding, bits=bits), 1), encoding)
    assert dataset.file_meta.TransferSyntaxUID == ENCODINGS[encoding]
    assert (dataset.BitsStored, dataset.HighBit) == (bits, bits - 1)
    assert np.array_equal(pixels, plain)
    assert pixels.max() < 2**bits


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("voi", ["window", "lut", "none"])
def test_what_a_viewer_shows_grows_with_the_grey_drawn(image, exam, photometric, voi):
    content = write_image(image, 0.8, exam, file_format(photometric=photometric, voi=voi), 1)
    dataset, pixels = stored(content, "explicit")
    assert dataset.PhotometricInterpretation == photometric
    shown = apply_voi_lut(apply_modality_lut(pixels, dataset).astype(np.int32), dataset).astype(float)
    shown = shown.max() - shown if photometric == "MONOCHROME1" else shown
    inside = (image > 0.05) & (image < 0.95)
    assert np.corrcoef(shown[inside], image[inside])[0, 1] > 0.98


def test_a_window_shows_black_to_white(image, exam):
    dataset, pixels = stored(write_image(image, 0.8, exam, file_format(), 1), "explicit")
    low, high = (float(dataset.WindowCenter) + side * float(dataset.WindowWidth) / 2 for side in (-1, 1))
    assert pixels[np.abs(image) < 0.01].mean() == pytest.approx(low, abs=15)
    assert pixels[np.abs(image - 1) < 0.01].mean() == pytest.approx(high, abs=15)


def test_the_header_holds_what_must_not_leave(image, exam):
    dataset = stored(write_image(image, 0.8, exam, file_format(), 1), "explicit")[0]
    assert dataset.PatientID == exam.person.patient_id
    assert str(dataset.PatientName).replace("^", " ") == exam.person.name
    assert dataset.PatientBirthDate == f"{exam.person.birth_date:%Y%m%d}"
    assert dataset.AccessionNumber == exam.study_id
    assert dataset.ViewPosition == "PA"
    assert dataset.BurnedInAnnotation == "NO"
    burned = stored(write_image(image, 0.8, replace(exam, burned_in=True), file_format(), 1), "explicit")[0]
    assert burned.BurnedInAnnotation == "YES"


def test_unique_identifiers_follow_from_the_seed(image, exam):
    files = [write_image(image, 0.8, exam, file_format(), seed) for seed in (1, 1, 2)]
    uids = [stored(content, "explicit")[0].SOPInstanceUID for content in files]
    assert uids[0] == uids[1] != uids[2]


@pytest.mark.parametrize(("encoding", "bits", "tolerance"), [("png", 8, 0.003), ("png", 16, 1e-4), ("jpeg", 8, 0.06)])
def test_images_without_a_header(image, exam, encoding, bits, tolerance):
    content = write_image(image, 0.8, exam, file_format(encoding, bits=bits), 1)
    shown = np.asarray(Image.open(io.BytesIO(content))) / (2**bits - 1)
    assert shown == pytest.approx(np.clip(image, 0, 1), abs=tolerance)


def test_the_burned_in_name_is_white_and_in_a_corner(schedule):
    exam = next(exam for exam in schedule)
    dark = np.zeros((300, 260), dtype=np.float32)
    for seed in range(4):
        written = burn_in(dark, exam, np.random.default_rng(seed)) > 0.9
        assert written.sum() > 60
        rows, columns = np.nonzero(written)
        assert rows.max() < 75 or rows.min() > 225
        assert columns.max() < 170 or columns.min() > 90


def test_machines_are_mixed():
    machines = [choose_format(np.random.default_rng(number), "dcm") for number in range(300)]
    assert {m.encoding for m in machines} == set(ENCODINGS)
    assert {m.photometric for m in machines} == {"MONOCHROME1", "MONOCHROME2"}
    assert {m.bits for m in machines} == {12, 16}
    assert {m.voi for m in machines} == {"window", "lut", "none"}
    assert {m.modality for m in machines} == {"CR", "DX"}
    assert any(m.rescaled for m in machines)
