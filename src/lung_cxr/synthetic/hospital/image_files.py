"""Write image files: DICOM in the variants of different vendors, and sometimes PNG or JPEG.

Transfer syntax, bits, grey scale and window are drawn at random for each image.
"""

import io
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from lung_cxr.synthetic.hospital.exams import Exam
from lung_cxr.synthetic.phantom.projection import Field

ENCODINGS = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpeg_lossless": JPEGLosslessSV1,
    "jpeg_ls": JPEGLSLossless,
}
ORIENTATIONS = {"LAT": ["A", "F"], "": []}  # PS3.3 C.7.6.1.1.1, of views other than frontal; []: unknown
HEADROOM = 0.3  # share of the window recorded below black and above white: detectors record more than is displayed


@dataclass(frozen=True)
class FileFormat:
    """Storage format of one image."""

    encoding: str  # key of ENCODINGS, "png" or "jpeg"
    photometric: str  # MONOCHROME1 or MONOCHROME2
    bits: int  # stored: 8, 12 or 16
    voi: str  # window, lut (a VOI LUT sequence) or none
    modality: str  # CR or DX
    rescaled: bool  # rescale slope and intercept other than 1 and 0


def choose_format(generator: Generator, extension: str) -> FileFormat:
    """Draw the storage format of one image; the schedule has chosen the extension (dcm, png, jpg)."""
    if extension != "dcm":
        bits = 8 if extension == "jpg" or generator.random() < 0.5 else 16
        return FileFormat({"png": "png", "jpg": "jpeg"}[extension], "MONOCHROME2", bits, "none", "", False)
    encoding = str(generator.choice(list(ENCODINGS), p=[0.3, 0.16, 0.08, 0.16, 0.18, 0.12]))
    # This JPEG-LS encoder always states 16 bits of precision.
    bits = 16 if encoding == "jpeg_ls" else int(generator.choice([12, 16], p=[0.7, 0.3]))
    voi = str(generator.choice(["window", "lut", "none"], p=[0.7, 0.15, 0.15])) if bits == 12 else "window"
    return FileFormat(
        encoding=encoding,
        photometric="MONOCHROME1" if generator.random() < 0.3 else "MONOCHROME2",
        bits=bits,
        voi=voi,
        modality=str(generator.choice(["CR", "DX"])),
        rescaled=bool(voi == "window" and generator.random() < 0.25),
    )


def burn_in(pixels: Field, exam: Exam, generator: Generator) -> Field:
    """Write the patient's name, number and the date into a corner of the image."""
    rows, columns = pixels.shape
    size = max(9, rows // 36)
    canvas = Image.fromarray(pixels)
    text = f"{exam.ascii_name.upper()}\n{exam.person.patient_id}\n{exam.exam_date:%d/%m/%Y}"
    font = ImageFont.load_default(size)
    left, top, right, bottom = ImageDraw.Draw(canvas).multiline_textbbox((0, 0), text, font=font)
    margin = size // 2
    place = (
        margin if generator.random() < 0.5 else columns - margin - (right - left),
        margin if generator.random() < 0.5 else rows - 2 * margin - (bottom - top),
    )
    ImageDraw.Draw(canvas).multiline_text(place, text, fill=1.15, font=font)
    return np.asarray(canvas)


def write_image(pixels: Field, pitch: float, exam: Exam, file_format: FileFormat, seed: int) -> bytes:
    """Return the bytes of one image file.

    Args:
        pixels: (rows, columns) float32, 0 black, 1 white; values may exceed this range.
        pitch: Millimetres per pixel.
        exam: Exam with the patient's data for the header.
        file_format: Storage format.
        seed: Seed of the hospital; unique identifiers depend on it.
    """
    if file_format.encoding in ("png", "jpeg"):
        return _png_or_jpeg(pixels, file_format)
    dataset = _header(exam, file_format, seed)
    stored = _stored_values(pixels, file_format)
    dataset.Rows, dataset.Columns = stored.shape
    dataset.ImagerPixelSpacing = dataset.PixelSpacing = [f"{pitch:.4f}"] * 2
    _grey_scale(dataset, file_format)
    _attach_pixels(dataset, stored, file_format)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _png_or_jpeg(pixels: Field, file_format: FileFormat) -> bytes:
    shown = np.clip(pixels, 0, 1) * (2**file_format.bits - 1)
    image = Image.fromarray(shown.round().astype(np.uint8 if file_format.bits == 8 else np.uint16))
    file = io.BytesIO()
    image.save(file, format=file_format.encoding, **({"quality": 92} if file_format.encoding == "jpeg" else {}))
    return file.getvalue()


def _stored_values(pixels: Field, file_format: FileFormat) -> NDArray[np.uint16]:
    """Map grey 0…1 to stored values; the stored range holds the window and its headroom."""
    share = np.clip((pixels + HEADROOM) / (1 + 2 * HEADROOM), 0, 1)
    if file_format.voi == "none":  # stored values are display values
        share = np.clip(pixels, 0, 1)
    if file_format.photometric == "MONOCHROME1":
        share = 1 - share
    return (share * (2**file_format.bits - 1)).round().astype(np.uint16)


def _header(exam: Exam, file_format: FileFormat, seed: int) -> FileDataset:
    """Return the header without pixels, with identifiers, as required by PS3.3 A.2 (CR) and A.26 (DX)."""
    storage = (
        ComputedRadiographyImageStorage if file_format.modality == "CR" else DigitalXRayImageStorageForPresentation
    )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = _uid(seed, "image", exam.study_id)
    meta.TransferSyntaxUID = ENCODINGS[file_format.encoding]
    meta.ImplementationClassUID = _uid(0, "implementation", "synthetic hospital")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    person = exam.person
    *first_names, given = person.name.split()
    values = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": storage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": _uid(seed, "study", exam.study_id),
        "SeriesInstanceUID": _uid(seed, "series", exam.study_id),
        "StudyDate": f"{exam.exam_date:%Y%m%d}",
        "StudyTime": "093000",
        "AccessionNumber": exam.study_id,
        "StudyID": exam.study_id[-6:],
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Modality": file_format.modality,
        "Manufacturer": "Nobody",
        "InstitutionName": "Bệnh viện Không Có Thật",
        "ReferringPhysicianName": "Lê^Bác Sĩ",
        "PatientName": f"{first_names[0]}^{' '.join([*first_names[1:], given])}",
        "PatientID": person.patient_id,
        "PatientBirthDate": f"{person.birth_date:%Y%m%d}",
        "PatientSex": person.sex,
        "PatientAddress": person.address,
        "PatientTelephoneNumbers": person.phone,
        "OtherPatientIDs": person.national_id,
        "BodyPartExamined": "CHEST",
        "ViewPosition": "LL" if exam.view == "LAT" else exam.view,
        "PatientOrientation": ORIENTATIONS.get(exam.view, ["L", "F"]),
        "BurnedInAnnotation": "YES" if exam.burned_in else "NO",
    }
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _uid(seed: int, *parts: str) -> UID:
    """Return a unique identifier that depends only on the seed and the parts."""
    return generate_uid(entropy_srcs=["synthetic hospital", str(seed), *parts])


def _grey_scale(dataset: Dataset, file_format: FileFormat) -> None:
    """Set bits, photometric interpretation, rescale and window (PS3.3 C.7.6.3, C.11.1, C.11.2)."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = file_format.photometric
    dataset.BitsAllocated = 16
    dataset.BitsStored = file_format.bits
    dataset.HighBit = file_format.bits - 1
    dataset.PixelRepresentation = 0
    slope, intercept = (0.5, -100.0) if file_format.rescaled else (1.0, 0.0)
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:g}", f"{intercept:g}", "US"
    largest = 2**file_format.bits - 1
    if file_format.voi == "window":
        dataset.WindowCenter = f"{largest / 2 * slope + intercept:.1f}"
        dataset.WindowWidth = f"{largest / (1 + 2 * HEADROOM) * slope:.1f}"
    elif file_format.voi == "lut":
        dataset.VOILUTSequence = Sequence([_voi_lut(file_format, slope, intercept)])


def _voi_lut(file_format: FileFormat, slope: float, intercept: float) -> Dataset:
    """Return an S-shaped curve over the rescaled values, 16 bits out (PS3.3 C.11.2.1.1)."""
    largest = 2**file_format.bits - 1
    first, last = (round(value * slope + intercept) for value in (0, largest))
    shown = (np.linspace(0, 1, last - first + 1) * (1 + 2 * HEADROOM) - HEADROOM - 0.5) * 4.0
    curve = 1 / (1 + np.exp(-shown))
    table = np.round(np.interp(curve, [curve.min(), curve.max()], [0, 65535])).astype("<u2")
    lut = Dataset()
    lut.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(table), first, 16])
    lut.LUTExplanation = "SIGMOID"
    lut.add_new("LUTData", "OW", table.tobytes())
    return lut


def _attach_pixels(dataset: FileDataset, stored: NDArray[np.uint16], file_format: FileFormat) -> None:
    """Encode the pixels in the chosen transfer syntax."""
    dataset.add_new("PixelData", "OW", b"")
    if file_format.encoding in ("explicit", "implicit"):
        dataset.PixelData = stored.astype("<u2").tobytes()
        return
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.PixelData = encapsulate([_compressed(stored, file_format)])


def _compressed(stored: NDArray[np.uint16], file_format: FileFormat) -> bytes:
    """Return one losslessly compressed frame."""
    if file_format.encoding == "rle":
        return get_encoder(RLELossless).encode(
            stored,
            encoding_plugin="pydicom",
            rows=stored.shape[0],
            columns=stored.shape[1],
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=16,
            bits_stored=file_format.bits,
            pixel_representation=0,
            photometric_interpretation=file_format.photometric,
        )
    if file_format.encoding == "jpeg2000":
        frame = imagecodecs.jpeg2k_encode(stored, 0, codecformat="j2k", reversible=True, bitspersample=file_format.bits)
    elif file_format.encoding == "jpeg_lossless":
        frame = imagecodecs.ljpeg_encode(stored, bitspersample=file_format.bits)
    else:
        frame = imagecodecs.jpegls_encode(stored)
    return bytes(frame)
