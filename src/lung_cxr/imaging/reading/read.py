"""Read a file and decode it by its content, not its name: DICOM, PNG or JPEG."""

import io
import logging
import os
import stat
import warnings
from pathlib import Path

from PIL import Image

from lung_cxr.imaging.reading.radiograph import Radiograph
from lung_cxr.imaging.reading.raster import JPEG, PNG, decode_raster, ends_early
from lung_cxr.imaging.reasons import Rejection

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # it logs EXIF at level DEBUG

OTHER_FORMATS = {  # first bytes → name
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"GIF8": "GIF",
    b"RIFF": "WebP",
    b"%PDF": "PDF",
    b"ftyp": "HEIF",  # after four bytes
}
BYTES_PER_PIXEL = 8  # largest size of a file per allowed pixel: three samples of 16 bits, and its header
UNBLOCKED = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # opening a pipe would block


def read_image(path: Path, max_megapixels: float) -> Radiograph:
    """Read and decode one file.

    Raises:
        Rejection: `missing_file`, or a reason of `decode_image`.
    """
    return decode_image(read_bytes(path, max_megapixels), max_megapixels)


def read_bytes(path: Path, max_megapixels: float) -> bytes:
    """Return the content of a file.

    Raises:
        Rejection: `missing_file`; `too_large` with more than 8 bytes per pixel of `max_megapixels`; `unreadable` if it
            is no regular file, changes during reading, or the system denies access.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a device may have effects
            raise Rejection("unreadable", "no regular file", passing=True)
        with open(os.open(path, os.O_RDONLY | UNBLOCKED), "rb", buffering=0) as file:  # noqa: PTH123
            return _read_all(file, max_megapixels)
    except FileNotFoundError:
        raise Rejection("missing_file", passing=True) from None
    except OSError as error:
        raise Rejection("unreadable", type(error).__name__, passing=True) from None


def _read_all(file: io.FileIO, max_megapixels: float) -> bytes:
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
    """Return the largest size of a file, and of its inflated content."""
    return int(max_megapixels * 1e6) * BYTES_PER_PIXEL


def decode_image(data: bytes, max_megapixels: float, side: int | None = None) -> Radiograph:
    """Decode the content of a file.

    Args:
        data: Content of the file.
        max_megapixels: Limit above which an image is rejected before it is decoded.
        side: Longer side that will be kept in pixels: JPEG 2000 is decoded at the smallest resolution (a half, a
            quarter …) that is not below it. None: full resolution.

    Raises:
        Rejection: `unreadable`, `truncated`, `damaged`, `too_large`, `too_slow`, `unsupported_pixels`,
            `implausible_pixels`, `multi_frame` or `not_a_radiograph`. Other exceptions are dropped, because they may
            quote the header.
    """
    from lung_cxr.imaging.reading.dicom import decode_dicom  # pydicom is slow to import

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # third-party warnings quote header values
        try:
            if data.startswith((PNG, JPEG)):
                return decode_raster(data, max_megapixels)
            if name := next(
                (name for start, name in OTHER_FORMATS.items() if start in (data[: len(start)], data[4:8])), ""
            ):
                raise Rejection("unreadable", name)
            return decode_dicom(data, max_megapixels, most_bytes(max_megapixels), side)
        except Rejection:
            raise
        except MemoryError:
            raise Rejection("unreadable", "MemoryError", passing=True) from None
        except Image.DecompressionBombError:
            raise Rejection("too_large", passing=True) from None
        except Exception as error:
            is_cut = "truncated" in str(error).lower() or ends_early(data)
            raise Rejection("truncated" if is_cut else "unreadable", type(error).__name__) from None
