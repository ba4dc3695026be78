"""Pictures to files: DICOM as different makes of machine write it, and now and then a PNG or JPEG.

The choices (transfer syntax, bits, grey scale, window) are drawn per picture, as if each came from another room.
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

from lung_cxr.synthetic.hospital.exams import Radiograph
from lung_cxr.synthetic.phantom.projection import Field

ENCODINGS = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg2000": JPEG2000Lossless,
    "jpeg_lossless": JPEGLosslessSV1,
    "jpeg_ls": JPEGLSLossless,
}
ORIENTATIONS = {"LAT": ["A", "F"], "": []}  # PS3.3 C.7.6.1.1.1, of other than frontal views; [] is not known
HEADROOM = 0.3  # of the window, kept below black and above white: detectors record more than is shown


@dataclass(frozen=True)
class Machine:
    """How one picture is stored."""

    encoding: str  # key of ENCODINGS, "png" or "jpeg"
    photometric: str  # MONOCHROME1 or MONOCHROME2
    bits: int  # stored: 8, 12 or 16
    voi: str  # window, lut (a VOI LUT sequence) or none
    modality: str  # CR or DX
    rescaled: bool  # rescale slope and intercept other than 1 and 0


def choose_machine(generator: Generator, extension: str) -> Machine:
    """Draw how one picture is stored; the extension (dcm, png, jpg) is decided by the schedule."""
    if extension != "dcm":
        bits = 8 if extension == "jpg" or generator.random() < 0.5 else 16
        return Machine({"png": "png", "jpg": "jpeg"}[extension], "MONOCHROME2", bits, "none", "", False)
    encoding = str(generator.choice(list(ENCODINGS), p=[0.3, 0.16, 0.08, 0.16, 0.18, 0.12]))
    # The JPEG-LS encoder at hand states 16 bits of precision whatever the range.
    bits = 16 if encoding == "jpeg_ls" else int(generator.choice([12, 16], p=[0.7, 0.3]))
    voi = str(generator.choice(["window", "lut", "none"], p=[0.7, 0.15, 0.15])) if bits == 12 else "window"
    return Machine(
        encoding=encoding,
        photometric="MONOCHROME1" if generator.random() < 0.3 else "MONOCHROME2",
        bits=bits,
        voi=voi,
        modality=str(generator.choice(["CR", "DX"])),
        rescaled=bool(voi == "window" and generator.random() < 0.25),
    )


def burn_in(pixels: Field, visit: Radiograph, generator: Generator) -> Field:
    """Write the patient's name, number and the date into a corner of the picture."""
    rows, columns = pixels.shape
    size = max(9, rows // 36)
    canvas = Image.fromarray(pixels)
    text = f"{visit.ascii_name.upper()}\n{visit.person.patient_id}\n{visit.exam_date:%d/%m/%Y}"
    font = ImageFont.load_default(size)
    left, top, right, bottom = ImageDraw.Draw(canvas).multiline_textbbox((0, 0), text, font=font)
    margin = size // 2
    place = (
        margin if generator.random() < 0.5 else columns - margin - (right - left),
        margin if generator.random() < 0.5 else rows - 2 * margin - (bottom - top),
    )
    ImageDraw.Draw(canvas).multiline_text(place, text, fill=1.15, font=font)
    return np.asarray(canvas)


def write_image(pixels: Field, pitch: float, visit: Radiograph, machine: Machine, seed: int) -> bytes:
    """Return the bytes of one image file.

    Args:
        pixels: (rows, columns) float32, 0 black, 1 white; beyond both there is headroom.
        pitch: Millimetres per pixel.
        visit: Whose it is.
        machine: How it is stored.
        seed: Of the hospital; unique identifiers follow from it.
    """
    if machine.encoding in ("png", "jpeg"):
        return _plain_picture(pixels, machine)
    dataset = _header(visit, machine, seed)
    stored = _stored_values(pixels, machine)
    dataset.Rows, dataset.Columns = stored.shape
    dataset.ImagerPixelSpacing = dataset.PixelSpacing = [f"{pitch:.4f}"] * 2
    _grey_scale(dataset, machine)
    _attach_pixels(dataset, stored, machine)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _plain_picture(pixels: Field, machine: Machine) -> bytes:
    shown = np.clip(pixels, 0, 1) * (2**machine.bits - 1)
    picture = Image.fromarray(shown.round().astype(np.uint8 if machine.bits == 8 else np.uint16))
    file = io.BytesIO()
    picture.save(file, format=machine.encoding, **({"quality": 92} if machine.encoding == "jpeg" else {}))
    return file.getvalue()


def _stored_values(pixels: Field, machine: Machine) -> NDArray[np.uint16]:
    """Grey 0…1 to stored values; the whole range holds the window and its headroom."""
    share = np.clip((pixels + HEADROOM) / (1 + 2 * HEADROOM), 0, 1)
    if machine.voi == "none":  # what is stored is what is shown
        share = np.clip(pixels, 0, 1)
    if machine.photometric == "MONOCHROME1":
        share = 1 - share
    return (share * (2**machine.bits - 1)).round().astype(np.uint16)


def _header(visit: Radiograph, machine: Machine, seed: int) -> FileDataset:
    """Everything but the picture, identifiers included, as PS3.3 A.2 (CR) and A.26 (DX) ask for."""
    storage = ComputedRadiographyImageStorage if machine.modality == "CR" else DigitalXRayImageStorageForPresentation
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = storage
    meta.MediaStorageSOPInstanceUID = _uid(seed, "image", visit.study_id)
    meta.TransferSyntaxUID = ENCODINGS[machine.encoding]
    meta.ImplementationClassUID = _uid(0, "implementation", "synthetic hospital")
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    person = visit.person
    *first_names, given = person.name.split()
    values = {
        "SpecificCharacterSet": "ISO_IR 192",
        "SOPClassUID": storage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": _uid(seed, "study", visit.study_id),
        "SeriesInstanceUID": _uid(seed, "series", visit.study_id),
        "StudyDate": f"{visit.exam_date:%Y%m%d}",
        "StudyTime": "093000",
        "AccessionNumber": visit.study_id,
        "StudyID": visit.study_id[-6:],
        "SeriesNumber": 1,
        "InstanceNumber": 1,
        "Modality": machine.modality,
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
        "ViewPosition": "LL" if visit.view == "LAT" else visit.view,
        "PatientOrientation": ORIENTATIONS.get(visit.view, ["L", "F"]),
        "BurnedInAnnotation": "YES" if visit.burned_in else "NO",
    }
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _uid(seed: int, *parts: str) -> UID:
    """The same unique identifier every time the same hospital is written."""
    return generate_uid(entropy_srcs=["synthetic hospital", str(seed), *parts])


def _grey_scale(dataset: Dataset, machine: Machine) -> None:
    """Bits, photometric interpretation, rescale and window (PS3.3 C.7.6.3, C.11.1, C.11.2)."""
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = machine.photometric
    dataset.BitsAllocated = 16
    dataset.BitsStored = machine.bits
    dataset.HighBit = machine.bits - 1
    dataset.PixelRepresentation = 0
    slope, intercept = (0.5, -100.0) if machine.rescaled else (1.0, 0.0)
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = f"{slope:g}", f"{intercept:g}", "US"
    largest = 2**machine.bits - 1
    if machine.voi == "window":
        dataset.WindowCenter = f"{largest / 2 * slope + intercept:.1f}"
        dataset.WindowWidth = f"{largest / (1 + 2 * HEADROOM) * slope:.1f}"
    elif machine.voi == "lut":
        dataset.VOILUTSequence = Sequence([_voi_lut(machine, slope, intercept)])


def _voi_lut(machine: Machine, slope: float, intercept: float) -> Dataset:
    """An S-shaped curve over the rescaled values, 16 bits out (PS3.3 C.11.2.1.1)."""
    largest = 2**machine.bits - 1
    first, last = (round(value * slope + intercept) for value in (0, largest))
    shown = (np.linspace(0, 1, last - first + 1) * (1 + 2 * HEADROOM) - HEADROOM - 0.5) * 4.0
    curve = 1 / (1 + np.exp(-shown))
    table = np.round(np.interp(curve, [curve.min(), curve.max()], [0, 65535])).astype("<u2")
    lut = Dataset()
    lut.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(table), first, 16])
    lut.LUTExplanation = "SIGMOID"
    lut.add_new("LUTData", "OW", table.tobytes())
    return lut


def _attach_pixels(dataset: FileDataset, stored: NDArray[np.uint16], machine: Machine) -> None:
    """Encode the pixels in the picture's transfer syntax."""
    dataset.add_new("PixelData", "OW", b"")
    if machine.encoding in ("explicit", "implicit"):
        dataset.PixelData = stored.astype("<u2").tobytes()
        return
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.PixelData = encapsulate([_compressed(stored, machine)])


def _compressed(stored: NDArray[np.uint16], machine: Machine) -> bytes:
    """One frame, without loss."""
    if machine.encoding == "rle":
        return get_encoder(RLELossless).encode(
            stored,
            encoding_plugin="pydicom",
            rows=stored.shape[0],
            columns=stored.shape[1],
            samples_per_pixel=1,
            number_of_frames=1,
            bits_allocated=16,
            bits_stored=machine.bits,
            pixel_representation=0,
            photometric_interpretation=machine.photometric,
        )
    if machine.encoding == "jpeg2000":
        frame = imagecodecs.jpeg2k_encode(stored, 0, codecformat="j2k", reversible=True, bitspersample=machine.bits)
    elif machine.encoding == "jpeg_lossless":
        frame = imagecodecs.ljpeg_encode(stored, bitspersample=machine.bits)
    else:
        frame = imagecodecs.jpegls_encode(stored)
    return bytes(frame)
