"""Any file of an export → one grey radiograph in memory: DICOM, PNG or JPEG, told apart by content, not by name."""

import io
import logging
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from lung_cxr.imaging.reading.radiograph import Radiograph, from_pixels, luminance
from lung_cxr.imaging.reasons import Rejection

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # at the level DEBUG it quotes EXIF

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
ENDS = {PNG + b"\0\0\0\rIHDR": b"IEND\xae\x42\x60\x82", JPEG: b"\xff\xd9"}  # how a whole file begins → and ends
BYTES_PER_PIXEL = 8  # the most a file may have for each allowed pixel: three samples of 16 bits, and its header
UNBLOCKED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # whoever opens a pipe would wait for ever


def read_image(path: Path, max_megapixels: float) -> Radiograph:
    """Read and decode one file.

    Raises:
        Rejection: `missing_file`, `unreadable`, `truncated`, `too_large`, `unsupported_pixels` or `multi_frame`.
    """
    return decode_image(read_bytes(path, max_megapixels), max_megapixels)


def read_bytes(path: Path, max_megapixels: float) -> bytes:
    """Return a file's content.

    Raises:
        Rejection: `missing_file`; `too_large` where it has more than 8 bytes for each pixel of `max_megapixels`;
            `unreadable` where it is no regular file, changes while it is read, or the system does not let us.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a device may already do something
            raise Rejection("unreadable", "no regular file", passing=True)
        with open(os.open(path, os.O_RDONLY | UNBLOCKED), "rb", buffering=0) as file:  # noqa: PTH123
            return _read_whole(file, max_megapixels)
    except FileNotFoundError:
        raise Rejection("missing_file", passing=True) from None
    except OSError as error:
        raise Rejection("unreadable", type(error).__name__, passing=True) from None


def _read_whole(file: io.FileIO, max_megapixels: float) -> bytes:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise Rejection("unreadable", "no regular file", passing=True)
    if status.st_size > most_bytes(max_megapixels):
        raise Rejection("too_large", f"{status.st_size / 1e6:.0f} megabytes", passing=True)
    data = file.read(status.st_size + 1)
    if len(data) != status.st_size:
        raise Rejection("unreadable", "changed while it was read", passing=True)
    return data


def most_bytes(max_megapixels: float) -> int:
    """How large a file may be, and what it unpacks to."""
    return int(max_megapixels * 1e6) * BYTES_PER_PIXEL


def decode_image(data: bytes, max_megapixels: float, side: int | None = None) -> Radiograph:
    """Decode a file's content.

    Args:
        data: The file.
        max_megapixels: A larger image is refused before anything is made for it.
        side: The longer side that will be kept: JPEG 2000 may be decoded at a half, a quarter … of its resolution, not
            smaller than this. None: decode the whole.

    Raises:
        Rejection: As `read_image`. The reader's own exception is dropped, since it may quote the header.
    """
    from lung_cxr.imaging.reading.dicom import decode_dicom  # pydicom and imagecodecs are slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party warnings quote header values
        try:
            if data.startswith((PNG, JPEG)):
                return _decode_raster(data, max_megapixels)
            return decode_dicom(data, max_megapixels, most_bytes(max_megapixels), side)
        except Rejection:
            raise
        except MemoryError:
            raise Rejection("unreadable", "MemoryError", passing=True) from None
        except Image.DecompressionBombError:
            raise Rejection("too_large", passing=True) from None
        except Exception as error:
            is_cut = "truncated" in str(error).lower() or _breaks_off(data)
            raise Rejection("truncated" if is_cut else "unreadable", type(error).__name__) from None


def _breaks_off(data: bytes) -> bool:
    """Whether a PNG or JPEG begins as one and lacks its end; rubbish may follow the end."""
    return any(data.startswith(start) and end not in data[-1024:] for start, end in ENDS.items())


def _decode_raster(data: bytes, max_megapixels: float) -> Radiograph:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        if image.width * image.height > max_megapixels * 1e6:
            raise Rejection("too_large", f"{image.width * image.height / 1e6:.0f} megapixels", passing=True)
        if getattr(image, "n_frames", 1) > 1:
            raise Rejection("multi_frame", f"{image.n_frames} frames")  # type: ignore[attr-defined]
        image.load()
        upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):  # 16 bit grey
        return from_pixels(np.asarray(upright).astype(np.uint16))
    if upright.mode in ("L", "1"):
        return from_pixels(np.asarray(upright.convert("L")))
    return from_pixels(luminance(np.asarray(upright.convert("RGB"))))
