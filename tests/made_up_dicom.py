"""DICOM files of every kind, for tests."""

import io
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_encoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

SYNTAXES: dict[str, UID] = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big_endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg_baseline": JPEGBaseline8Bit,
    "jpeg_extended": JPEGExtended12Bit,
    "jpeg_lossless": JPEGLossless,
    "jpeg_lossless_sv1": JPEGLosslessSV1,
    "jpeg_ls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
}


def _encode(stored: np.ndarray, syntax: str, bits: int) -> bytes:
    if syntax == "jpeg2000":
        return imagecodecs.jpeg2k_encode(stored, level=0, codecformat="j2k", reversible=True, bitspersample=bits)
    if syntax.startswith("jpeg_lossless"):
        return imagecodecs.ljpeg_encode(stored, bitspersample=bits)
    if syntax == "jpeg_ls":
        return imagecodecs.jpegls_encode(stored)
    return imagecodecs.jpeg8_encode(stored, level=98, bitspersample=bits)


def _rle(dataset: FileDataset, stored: np.ndarray, bits: int) -> bytes:
    return get_encoder(RLELossless).encode(
        stored,
        encoding_plugin="pydicom",
        rows=dataset.Rows,
        columns=dataset.Columns,
        samples_per_pixel=dataset.SamplesPerPixel,
        bits_allocated=stored.dtype.itemsize * 8,
        bits_stored=bits,
        pixel_representation=0,
        photometric_interpretation=dataset.PhotometricInterpretation,
        number_of_frames=1,
        planar_configuration=0,
    )


def make_dicom(stored: np.ndarray, syntax: str = "explicit", bits: int | None = None, **header: Any) -> bytes:
    """A DICOM file that holds `stored`, (H, W) or (H, W, 3); `header` overrides any element."""
    bits = bits or stored.dtype.itemsize * 8
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = SYNTAXES[syntax]
    encoding = {"is_implicit_VR": syntax == "implicit", "is_little_endian": syntax != "big_endian"}
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128, **encoding)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Rows, dataset.Columns = stored.shape[:2]
    dataset.SamplesPerPixel = 1 if stored.ndim == 2 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if stored.ndim == 2 else "RGB"
    if stored.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = stored.dtype.itemsize * 8, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    native = ("explicit", "implicit", "big_endian", "deflated")
    order = ">" if syntax == "big_endian" else "<"
    if syntax in native:
        dataset.add_new("PixelData", "OW", stored.astype(stored.dtype.newbyteorder(order)).tobytes())
    else:
        frame = _rle(dataset, stored, bits) if syntax == "rle" else _encode(stored, syntax, bits)
        dataset.add_new("PixelData", "OB", encapsulate([frame]))
        dataset["PixelData"].is_undefined_length = True
    for keyword, value in header.items():
        setattr(dataset, keyword, value)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
