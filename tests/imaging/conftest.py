"""Small radiographs, DICOM files of every kind, and the settings of conf/base, for the tests of imaging."""

import io
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pandas as pd
import pytest
import yaml
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

from lung_cxr.imaging.persons import MERGED_COLUMNS
from lung_cxr.imaging.pseudonyms import Secret
from lung_cxr.parameters import EmrParameters, Icd10Parameters, IngestionParameters

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


@pytest.fixture(scope="session")
def dicom() -> Callable[..., bytes]:
    """See `make_dicom`."""
    return make_dicom


@pytest.fixture(scope="session")
def smooth() -> Callable[..., np.ndarray]:
    """A field of soft waves with some fine detail, (H, W) float, 0…1: every seed another."""

    def draw(seed: int = 0, height: int = 96, width: int = 80) -> np.ndarray:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width] / max(height, width)
        waves = sum(
            rng.normal() * np.sin(2 * np.pi * (a * x + b * y) + rng.uniform(0, 6)) for a in range(5) for b in range(5)
        )
        waves = waves + 0.1 * rng.normal(size=(height, width))
        return (waves - waves.min()) / (waves.max() - waves.min())

    return draw


@pytest.fixture(scope="session")
def base_settings(project) -> dict[str, Any]:
    """conf/base/parameters_ingestion.yml."""
    return yaml.safe_load((project / "conf/base/parameters_ingestion.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def emr(base_settings) -> EmrParameters:
    return EmrParameters.model_validate(base_settings["emr"])


@pytest.fixture(scope="session")
def icd10(base_settings) -> Icd10Parameters:
    return Icd10Parameters.model_validate(base_settings["icd10"])


@pytest.fixture(scope="session")
def ingestion(base_settings) -> IngestionParameters:
    """The base settings at a side of 64 pixels, one worker, all pixels accepted, none looked at for text."""
    values = dict(base_settings["ingestion"], workers=1, accept_unchecked_pixels=True, burned_in_text="off")
    values["standardise"] = dict(values["standardise"], side=64)
    values["quality"] = dict(values["quality"], min_side=32)
    return IngestionParameters.model_validate(values)


@pytest.fixture(scope="session")
def secret() -> Secret:
    return Secret("a secret of forty characters or so, 40!!")


@pytest.fixture(scope="session")
def nobody_merged() -> pd.DataFrame:
    """`merged_patients` of a hospital that has merged no numbers."""
    return pd.DataFrame(columns=MERGED_COLUMNS).astype({"shift_days": "int64", "excluded": bool})
