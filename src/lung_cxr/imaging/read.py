"""Any file of an export → one grey radiograph in memory: DICOM, PNG or JPEG, told apart by content, not by name."""

import io
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from lung_cxr.imaging.reasons import Rejection

LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"

View = Literal["PA", "AP", "lateral", "unknown"]

logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)  # its warnings quote header values


@dataclass(frozen=True)
class Radiograph:
    """One decoded radiograph.

    Attributes:
        values: (H, W) float32, larger is whiter; modality and VOI transforms applied, MONOCHROME1 inverted.
        view: What the header says.
        burned_in: The header's BurnedInAnnotation; "" where it says nothing (always so for PNG and JPEG).
        inverted: Whether black and white were exchanged to get here.
    """

    values: npt.NDArray[np.float32]
    view: View = "unknown"
    burned_in: Literal["YES", "NO", ""] = ""
    inverted: bool = False


def read_image(path: Path) -> Radiograph:
    """Read and decode one file.

    Raises:
        Rejection: `missing_file`, `unreadable`, `truncated`, `unsupported_pixels` or `multi_frame`.
    """
    return decode_image(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        Rejection: `missing_file`, or `unreadable` where the system does not let us read it.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise Rejection("missing_file") from None
    except OSError as error:
        raise Rejection("unreadable", type(error).__name__) from None


def decode_image(data: bytes) -> Radiograph:
    """Decode a file's content.

    Raises:
        Rejection: As `read_image`. The reader's own exception is dropped, since it may quote the header.
    """
    from lung_cxr.imaging.dicom import decode_dicom  # pydicom and imagecodecs are slow to import

    is_raster = data.startswith((PNG, JPEG))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party warnings quote header values
        try:
            return _decode_raster(data) if is_raster else decode_dicom(data)
        except Rejection:
            raise
        except Exception as error:
            reason = "truncated" if "truncated" in str(error) else "unreadable"
            raise Rejection(reason, type(error).__name__) from None


def luminance(colour: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Grey values of (H, W, 3) RGB, as ITU-R BT.601 weighs them."""
    return (colour[..., :3].astype(np.float32) @ LUMINANCE.astype(np.float32)).astype(np.float32)


def _decode_raster(data: bytes) -> Radiograph:
    with Image.open(io.BytesIO(data)) as image:
        if getattr(image, "n_frames", 1) > 1:
            raise Rejection("multi_frame", f"{image.n_frames} frames")  # type: ignore[attr-defined]
        image.load()
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):  # 16 bit grey
        return Radiograph(np.asarray(upright).astype(np.float32))
    if upright.mode in ("L", "1"):
        return Radiograph(np.asarray(upright.convert("L")).astype(np.float32))
    return Radiograph(luminance(np.asarray(upright.convert("RGB"))))
