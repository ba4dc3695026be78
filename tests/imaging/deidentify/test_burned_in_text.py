import logging

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from lung_cxr.imaging.deidentify import burned_in_text
from lung_cxr.imaging.deidentify.burned_in_text import blacken, find_text, redact
from lung_cxr.imaging.deidentify.text_boxes import TextBox, columns_of, is_text
from lung_cxr.imaging.reading.read import decode_image
from lung_cxr.imaging.reasons import Rejection
from lung_cxr.imaging.standardise import standardise


def chest(side: int = 384) -> np.ndarray:
    """Soft shapes and noise, (side, side) uint8, 20…200."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:side, 0:side] / side
    soft = 110 + 90 * np.cos(6 * x) * np.sin(4 * y) + rng.normal(0, 4, (side, side))
    return np.clip(soft, 20, 200).astype(np.uint8)


def written(image: np.ndarray, text: str, place=(20, 30), size=20, grey=255, angle=0, box=None) -> np.ndarray:
    """Text on an image, turned by `angle` degrees, on a box of grey `box`."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    mask = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(mask).text((4 - left, 4 - top), text, fill=255, font=font)
    mask = mask.rotate(angle, expand=True)
    canvas = Image.fromarray(image)
    if box is not None:
        canvas.paste(box, (*place, place[0] + mask.width, place[1] + mask.height))
    canvas.paste(grey, place, mask)
    return np.asarray(canvas)


def read(boxes) -> str:
    return " ".join(box.text for box in boxes)


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("NGUYEN VAN MAT", {}),
        ("Trần Thị Bưởi", {"size": 24}),
        ("PAT-0012345", {"grey": 0, "box": 255}),
        ("31/12/2026", {"angle": 90}),
        ("31/12/2026", {"angle": 180}),
    ],
)
def test_text_is_found_and_a_second_look_finds_nothing(text, how):
    image = written(chest(), text, **how)
    assert find_text(image)
    cleared = redact(image)
    assert cleared.pieces >= 1
    assert find_text(cleared.image) == []
    differs = (cleared.image != image).mean()
    assert 0 < differs < 0.1
    assert not cleared.image[cleared.image != image].any()


def gone(image: np.ndarray, drawn: np.ndarray) -> float:
    """Share of the drawn pixels that are black after redaction."""
    ink = drawn.astype(int) - image > 30
    return float((redact(drawn).image[ink] == 0).mean())


def test_white_letters_on_black_at_the_edge_of_a_tile_go():
    """The detector's mean likelihood of such a name was 0.486, below the library's threshold of 0.5."""
    image = chest(1024)
    image[:60, 600:] = 8
    assert gone(image, written(image, "DUONG MINH KHANH", place=(658, 10), size=28)) == 1


def test_text_of_140_pixels_goes():
    image = chest(1024)
    assert gone(image, written(image, "HOANG", place=(120, 500), size=190)) > 0.95


@pytest.mark.parametrize("is_lying", [False, True])
@pytest.mark.parametrize("contrast", [45, 120])
def test_a_barcode_goes(is_lying, contrast):
    image = chest(512)
    bars = np.repeat(np.arange(50) % 2 == 0, np.random.default_rng(3).integers(2, 9, 50))
    code = np.tile(bars, (50, 1)).T if is_lying else np.tile(bars, (50, 1))
    drawn = image.astype(int)
    drawn[100 : 100 + code.shape[0], 80 : 80 + code.shape[1]] += contrast * code
    assert gone(image, np.clip(drawn, 0, 255).astype(np.uint8)) > 0.95


def test_what_is_found_is_read_for_the_caller():
    assert "PAT-0012345" in read(find_text(written(chest(), "PAT-0012345")))


@pytest.mark.parametrize("marker", ["L", "R", "T", "Л"])
def test_side_markers_stay(marker):
    image = written(chest(), marker, size=40)
    cleared = redact(image)
    assert cleared.pieces == 0
    assert (cleared.image == image).all()


def test_an_image_without_text_is_left_as_it_is():
    assert redact(chest()).pieces == 0


@pytest.mark.parametrize("shape", [(5, 7), (40, 900), (700, 400)])
def test_images_of_any_shape_are_looked_at(shape):
    assert find_text(np.zeros(shape, np.uint8)) == []


def test_what_is_measured_has_neither_text_nor_black_boxes():
    image = written(np.full((384, 384), 90, np.uint8), "NGUYEN VAN MAT")
    smooth = redact(image).smooth
    assert abs(smooth.astype(int) - 90).max() <= 5  # of 255


def box(text: str, score: float, length: float, height: float, likelihood: float = 0.8) -> TextBox:
    corners = np.array([[0, 0], [length, 0], [length, height], [0, height]], np.float32) + 10
    return TextBox(corners, text, score, likelihood)


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (box("R", 1.0, 40, 40), False),
        (box("(L)", 1.0, 50, 40), False),
        (box("П.", 1.0, 50, 40), False),
        (box("--", 1.0, 50, 40), False),
        (box("AN", 0.95, 40, 30), True),
        (box("31/12", 0.5, 80, 30), True),
        (box("PORTABLE", 0.9, 300, 70), True),
        (box("", 0.0, 160, 20), True),  # a line too small to be read
        (box("  ", 0.97, 160, 48), True),  # Cyrillic
        (box(" ", 0.97, 50, 48), False),  # П
        (box("2", 0.3, 1000, 1000), False),  # the whole film
        (box("KLA", 0.6, 300, 140), False),  # ribs
        (box("RO", 0.3, 100, 30), False),  # vertebrae
        (box("0000", 0.96, 560, 200), False),
        (box("NGUYEN", 0.99, 300, 30, likelihood=0.4), True),
        (box("", 0.0, 160, 20, likelihood=0.4), False),  # the trachea, a fold
        (box("LÊ", 0.99, 330, 280), True),
        (box("HÔ", 0.77, 300, 215), False),
        (box("PAL", 0.79, 80, 40, likelihood=0.31), False),
    ],
)
def test_what_counts_as_text_on_1024_pixels(candidate, expected):
    assert is_text(candidate, 1024) is expected


def test_an_unread_line_counts_at_full_size_only():
    trachea = box("360", 0.38, 105, 24)
    assert is_text(trachea, 512)
    assert not is_text(trachea, 512, accept_unread=False)
    assert is_text(box("31/12/2026", 0.9, 105, 24), 512, accept_unread=False)


def letter(text: str, x: float, y: float, size: float = 12) -> TextBox:
    corners = np.array([[x, y], [x + size, y], [x + size, y + size], [x, y + size]], np.float32)
    return TextBox(corners, text, 0.95)


def test_letters_one_below_the_other_are_one_text_and_distant_markers_are_none():
    column = [letter(text, 10, 40 + 20 * row) for row, text in enumerate("HOANG")]
    markers = [letter("L", 300, 40), letter("R", 10, 300), letter("T", 600, 40)]
    [found] = columns_of([*column, *markers])
    assert found.text == "HOANG"
    assert found.corners.min(axis=0) == pytest.approx([10, 40], abs=0.1)
    assert found.corners.max(axis=0) == pytest.approx([22, 132], abs=0.1)
    assert columns_of(column[:2]) == columns_of([]) == []
    assert columns_of([letter("A", 0, 0), letter("B", 200, 0), letter("C", 400, 0)]) == []


def test_a_name_written_downwards_goes():
    image, drawn = chest(), chest()
    for row, text in enumerate("HOANG"):
        drawn = written(drawn, text, place=(60, 60 + 34 * row), size=24)
    assert gone(image, drawn) > 0.95


def test_text_that_comes_back_is_given_up(monkeypatch):
    monkeypatch.setattr(burned_in_text, "find_text", lambda *_: [box("NGUYEN", 0.9, 25, 10)])
    with pytest.raises(Rejection) as caught:
        redact(chest(64))
    assert caught.value.reason == "text_remains"
    assert "NGUYEN" not in str(caught.value)


def test_black_covers_the_box_and_a_margin_and_leaves_the_rest():
    image = np.full((60, 80), 200, np.uint8)
    corners = np.array([[20, 20], [50, 20], [50, 30], [20, 30]], np.float32)
    black = blacken(image, [TextBox(corners, "AB", 0.9)]) == 0
    assert black[17:34, 17:54].all()
    assert not black[:14].any()
    assert not black[:, 58:].any()
    assert (image == 200).all()


def test_nothing_is_logged_or_printed(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    find_text(written(chest(), "NGUYEN VAN MAT"))
    assert caplog.text == ""
    output = capfd.readouterr()
    assert output.out + output.err == ""


def test_the_name_on_a_real_film_is_blacked_out_and_its_side_marker_stays(public_cxr, ingestion):
    film = (public_cxr / "full/dicom/presidio_mono1_rle_burned_in.dcm").read_bytes()
    side = ingestion.standardise.model_copy(update={"side": 1024})
    image = standardise(decode_image(film, ingestion.max_megapixels), side)
    found = read(find_text(image))
    assert all(word in found for word in ("DAVIDSON", "DOUGLAS", "1976", "Portable"))
    cleared = redact(image).image
    assert not any(word in read(find_text(cleared)) for word in ("DAVIDSON", "DOUGLAS", "1976", "Portable"))
    marker = np.s_[85:110, 970:990]  # the L
    assert (cleared[marker] == image[marker]).all()
