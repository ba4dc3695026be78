import io
import struct
import zlib

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from lung_cxr.imaging.reading.radiograph import luminance
from lung_cxr.imaging.reading.read import decode_image, read_image
from lung_cxr.imaging.reasons import Rejection

MOST = 50  # megapixels


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_png_of_8_and_16_bits_is_exact(smooth, dtype, largest):
    pixels = (smooth() * largest).astype(dtype)
    radiograph = decode_image(encoded(Image.fromarray(pixels), "PNG"), MOST)
    np.testing.assert_array_equal(radiograph.values, pixels)
    assert radiograph.values.dtype == np.float32
    assert (radiograph.view, radiograph.burned_in, radiograph.inverted) == ("unknown", "", False)


def test_jpeg_is_close(smooth):
    pixels = (smooth() * 255).astype(np.uint8)
    assert np.abs(decode_image(encoded(Image.fromarray(pixels), "JPEG", quality=95), MOST).values - pixels).mean() < 2


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_pictures_saved_as_colour_are_grey_again(smooth, mode):
    grey = Image.fromarray((smooth() * 255).astype(np.uint8))
    values = decode_image(encoded(grey.convert(mode), "PNG"), MOST).values
    assert np.abs(values - np.asarray(grey)).max() <= 1


def test_colour_becomes_luminance():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 200
    assert (luminance(red) == 60).all()  # 0.299 × 200
    assert (decode_image(encoded(Image.fromarray(red), "PNG"), MOST).values == 60).all()


def test_the_exif_orientation_is_applied(smooth):
    pixels = (smooth(height=40, width=20) * 255).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90° to see it upright
    values = decode_image(encoded(Image.fromarray(pixels), "PNG", exif=exif), MOST).values
    np.testing.assert_array_equal(values, np.rot90(pixels, -1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_that_breaks_off_is_truncated(smooth, kind):
    content = encoded(Image.fromarray((smooth() * 255).astype(np.uint8)), kind)
    with pytest.raises(Rejection) as rejection:
        decode_image(content[: len(content) // 2], MOST)
    assert rejection.value.reason == "truncated"


@pytest.mark.parametrize(
    "content", [b"", b"Nguyen Van A", b"\x89PNG\r\n\x1a\nrubbish", b"\xff\xd8\xffrubbish", bytes(5000)]
)
def test_rubbish_is_unreadable_and_not_quoted(content):
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert rejection.value.reason in ("unreadable", "truncated")
    assert "Nguyen" not in str(rejection.value)


def test_several_pages_are_refused(smooth):
    page = Image.fromarray((smooth() * 255).astype(np.uint8))
    content = encoded(page, "PNG", save_all=True, append_images=[page.rotate(90)])
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert (rejection.value.reason, rejection.value.detail) == ("multi_frame", "2 frames")


def test_no_file_is_missing_and_a_folder_is_unreadable(tmp_path):
    with pytest.raises(Rejection) as rejection:
        read_image(tmp_path / "none.png", MOST)
    assert rejection.value.reason == "missing_file"
    with pytest.raises(Rejection) as rejection:
        read_image(tmp_path, MOST)
    assert rejection.value.reason == "unreadable"


@pytest.mark.parametrize("mode", ["LA", "RGB", "RGBA"])
def test_png_of_16_bits_keeps_them_beside_colour_and_alpha(smooth, mode):
    grey = (smooth() * 4095).astype(np.uint16)
    opaque = np.full_like(grey, 65535)
    bands = {"LA": [grey, opaque], "RGB": [grey] * 3, "RGBA": [grey, grey, grey, opaque]}[mode]
    values = decode_image(imagecodecs.png_encode(np.stack(bands, -1)), MOST).values
    assert np.abs(values - grey).max() <= 1
    assert len(np.unique(values)) > 1000


@pytest.mark.parametrize(("mode", "deep"), [("LA", False), ("RGBA", False), ("P", False), ("LA", True), ("RGBA", True)])
def test_transparent_pixels_are_black(smooth, mode, deep):
    largest = 65535 if deep else 255
    grey = (smooth() * largest * 0.8).astype(np.uint16 if deep else np.uint8) + 20
    alpha = np.full_like(grey, largest)
    alpha[:20] = 0
    grey[:20] = largest
    if mode == "P":
        image = Image.fromarray(grey // 2 + 1).convert("P")
        image.putpalette([min(255, 2 * level) for level in range(256) for _ in range(3)])
        indices = np.asarray(image).copy()
        indices[:20] = 0
        image.putdata(indices.ravel().tolist())
        content = encoded(image, "PNG", transparency=0)
    else:
        content = imagecodecs.png_encode(np.stack([*([grey] * (len(mode) - 1)), alpha], -1))
    values = decode_image(content, MOST).values
    assert (values[:20] == 0).all()
    assert np.corrcoef(values[20:].ravel(), grey[20:].ravel())[0, 1] > 0.999


def test_an_image_that_is_transparent_everywhere_is_shown(smooth):
    grey = (smooth() * 255).astype(np.uint8)
    content = imagecodecs.png_encode(np.stack([grey, np.zeros_like(grey)], -1))
    np.testing.assert_array_equal(decode_image(content, MOST).values, grey)


def test_of_a_phones_picture_with_a_preview_the_first_image_is_read(smooth):
    grey = (smooth(height=200, width=160) * 255).astype(np.uint8)
    first = Image.fromarray(grey)
    content = encoded(first, "MPO", save_all=True, append_images=[first.resize((40, 50))], quality=95)
    values = decode_image(content, MOST).values
    assert values.shape == grey.shape
    assert np.abs(values - grey).mean() < 2


FORMATS = {"TIFF": "TIFF", "BMP": "BMP", "GIF": "GIF", "WEBP": "WebP"}


@pytest.mark.parametrize("name", [*FORMATS, "JPEG XL", "JPEG 2000"])
def test_other_formats_are_named(smooth, name):
    grey = (smooth() * 255).astype(np.uint8)
    content = {"JPEG XL": imagecodecs.jpegxl_encode, "JPEG 2000": imagecodecs.jpeg2k_encode}.get(
        name, lambda pixels: encoded(Image.fromarray(pixels), name)
    )(grey)
    with pytest.raises(Rejection) as rejection:
        decode_image(content, MOST)
    assert (rejection.value.reason, rejection.value.detail) == ("unreadable", FORMATS.get(name, name))


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "P", "I;16"])
def test_a_png_with_fewer_rows_than_declared_is_truncated(smooth, mode):
    grey = (smooth() * 255).astype(np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 256) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    content = encoded(image, "PNG")
    assert decode_image(content, MOST).values.shape == grey.shape
    taller = content[:20] + struct.pack(">L", 2 * len(grey)) + content[24:29]
    longer = taller + struct.pack(">L", zlib.crc32(taller[12:29])) + content[33:]
    with pytest.raises(Rejection) as rejection:
        decode_image(longer, MOST)
    assert rejection.value.reason == "truncated"


def test_a_png_with_more_rows_than_declared_is_damaged(smooth):
    content = encoded(Image.fromarray((smooth() * 255).astype(np.uint8)), "PNG")
    shorter = content[:20] + struct.pack(">L", smooth().shape[0] // 2) + content[24:29]
    with pytest.raises(Rejection) as rejection:
        decode_image(shorter + struct.pack(">L", zlib.crc32(shorter[12:29])) + content[33:], MOST)
    assert rejection.value.reason == "damaged"


def test_the_transparent_grey_of_a_16_bit_png_is_black(smooth):
    pixels = (smooth() * 60000).astype(np.uint16)
    pixels[:, :9] = 65535
    values = decode_image(encoded(Image.fromarray(pixels), "PNG", transparency=65535), MOST).values
    np.testing.assert_array_equal(values, np.where(pixels == 65535, 0, pixels))
