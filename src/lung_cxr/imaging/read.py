"""Any file of an export → one grey radiograph in memory: DICOM, PNG or JPEG, told apart by content, not by name."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lung_cxr.imaging.radiograph import Radiograph, luminance
from lung_cxr.imaging.reasons import Rejection

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


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
        raise Rejection("missing_file", passing=True) from None
    except OSError as error:
        raise Rejection("unreadable", type(error).__name__, passing=True) from None


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
        except MemoryError:
            raise Rejection("unreadable", "MemoryError", passing=True) from None
        except Exception as error:
            reason = "truncated" if "truncated" in str(error) else "unreadable"
            raise Rejection(reason, type(error).__name__) from None


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
