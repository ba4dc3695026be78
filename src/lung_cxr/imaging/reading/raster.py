"""Decode PNG and JPEG files: 8 or 16 bits, grey or colour, with or without transparency, upright by their EXIF tag."""

import io
import struct
import zlib

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from lung_cxr.imaging.reading import jpeg_integrity
from lung_cxr.imaging.reading.jpeg_scans import check_scans
from lung_cxr.imaging.reading.radiograph import Radiograph, StoredValues, from_pixels, luminance
from lung_cxr.imaging.reasons import Rejection

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"
ENDS = {PNG + b"\0\0\0\rIHDR": b"IEND\xae\x42\x60\x82", JPEG: jpeg_integrity.END_OF_IMAGE}  # first and last bytes
COLOUR_TYPES_16_BIT = (2, 4, 6)  # RGB, grey and alpha, RGBA; Pillow reduces them to 8 bits
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # per pixel, by colour type
FIRST_FRAME = ("MPO",)  # a phone's JPEG whose further frames are previews


def decode_raster(data: bytes, max_megapixels: float) -> Radiograph:
    """Decode a PNG or JPEG file; transparent pixels become black.

    Raises:
        Rejection: `too_large`, `too_slow`, `multi_frame`, `truncated` or `damaged`.
        Exception: Any error of Pillow and the codecs on broken files; `read.decode_image` drops it.
    """
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as image:
        if image.width * image.height > max_megapixels * 1e6:
            raise Rejection("too_large", f"{image.width * image.height / 1e6:.0f} megapixels", passing=True)
        if image.format not in FIRST_FRAME and getattr(image, "n_frames", 1) > 1:
            raise Rejection("multi_frame", f"{image.n_frames} frames")  # type: ignore[attr-defined]
        orientation = image.getexif().get(0x0112, 1)
        if data.startswith(JPEG):
            check_scans(data)
            jpeg_integrity.check_lossy(jpeg_integrity.first_image(data), np.asarray(image), _decode_jpeg)
        else:
            _check_rows(data)
        pixels, alpha = _wide_pixels(data) if _is_wide_png(data) else _pixels(image)
    grey = luminance(pixels) if pixels.ndim == 3 else pixels
    if alpha is not None and alpha.max() > 0 and alpha.min() < alpha.max():
        grey = np.rint(grey * (alpha / alpha.max())).astype(grey.dtype)
    return from_pixels(_upright(grey, orientation))


def ends_early(data: bytes) -> bool:
    """Return whether a PNG or JPEG lacks its end; other bytes may follow the end."""
    return any(data.startswith(start) and end not in data[-1024:] for start, end in ENDS.items())


def _pixels(image: Image.Image) -> tuple[StoredValues, StoredValues | None]:
    """Return (H, W) grey or (H, W, 3) RGB, and (H, W) alpha if the image has any."""
    if image.mode.startswith(("I", "F")):  # 16 bit grey
        grey = np.asarray(image).astype(np.uint16)
        return grey, grey != image.info["transparency"] if "transparency" in image.info else None
    if image.mode in ("L", "1") and "transparency" not in image.info:
        return np.asarray(image.convert("L")), None
    if image.has_transparency_data:
        is_grey = image.mode in ("L", "1", "LA")
        bands = np.asarray(image.convert("LA" if is_grey else "RGBA"))
        return bands[..., 0] if is_grey else bands[..., :3], bands[..., -1]
    return np.asarray(image.convert("RGB")), None


def _check_rows(png: bytes) -> None:
    """Reject a PNG with fewer or more rows than its header declares (PNG 11.2.2, 7.2).

    Pillow leaves missing rows black, and drops further ones: a part of a chest.

    Raises:
        Rejection: `truncated` or `damaged`.
    """
    columns, rows, bits, colour_type, _, _, interlaced = struct.unpack_from(">LLBBBBB", png, 16)
    if interlaced:
        return
    needed = rows * (1 + (columns * bits * SAMPLES[colour_type] + 7) // 8)
    inflater, position, inflated = zlib.decompressobj(), len(PNG), 0
    while position + 8 <= len(png) and inflated <= needed:
        length, kind = struct.unpack_from(">L4s", png, position)
        if kind == b"IDAT":
            inflated += len(inflater.decompress(png[position + 8 : position + 8 + length], needed + 1))
        position += 12 + length
    if inflated != needed:
        raise Rejection("truncated" if inflated < needed else "damaged")


def _is_wide_png(data: bytes) -> bool:
    return data.startswith(PNG) and data[24] == 16 and data[25] in COLOUR_TYPES_16_BIT


def _wide_pixels(data: bytes) -> tuple[StoredValues, StoredValues | None]:
    """Return (H, W) grey or (H, W, 3) RGB and (H, W) alpha of a 16-bit PNG."""
    bands = imagecodecs.png_decode(data)
    colours, alpha = (bands, None) if bands.shape[-1] == 3 else (bands[..., :-1], bands[..., -1])
    return colours[..., 0] if colours.shape[-1] == 1 else colours, alpha


def _decode_jpeg(stream: bytes) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(stream), formats=("JPEG",)) as image:
        return np.asarray(image)


def _upright(grey: StoredValues, orientation: int) -> StoredValues:
    """Return pixels upright by their EXIF orientation, 1…8."""
    if orientation == 1:
        return grey
    image = Image.fromarray(grey)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image)).astype(grey.dtype)
