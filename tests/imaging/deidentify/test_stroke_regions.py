import numpy as np
import pytest

from lung_cxr.imaging.deidentify.stroke_regions import TILE, StrokeRule, dense_strokes, regions

RULE = StrokeRule(width=5, contrast=24, window=12, share=0.3)


def strokes(shape, top, left, contrast) -> np.ndarray:
    """Five vertical lines of 2 × 20 pixels, 2 pixels apart, on grey 90."""
    image = np.full(shape, 90, np.uint8)
    image[top : top + 20, left : left + 20] += (contrast * (np.arange(20) % 4 < 2)).astype(np.uint8)
    return image


@pytest.mark.parametrize(("contrast", "expected"), [(40, True), (20, False)])
def test_lines_with_contrast_are_strokes(contrast, expected):
    assert dense_strokes(strokes((200, 200), 60, 100, contrast), RULE).any() == expected


def test_wide_bands_and_a_single_line_are_no_writing():
    image = np.full((200, 200), 90, np.uint8)
    image[:, 20:30] = 200
    image[:, 100:102] = 200
    assert not dense_strokes(image, RULE).any()


def test_the_searched_part_holds_the_strokes_and_their_context():
    image = strokes((700, 900), 300, 500, 90)
    [(rows, columns)] = regions(dense_strokes(image, RULE))
    assert rows.start <= 300 - 16
    assert rows.stop >= 320 + 16
    assert columns.start <= 500 - 16
    assert columns.stop >= 520 + 16
    assert (rows.stop - rows.start) % 32 == (columns.stop - columns.start) % 32 == 0
    assert (rows.stop - rows.start) * (columns.stop - columns.start) <= 128 * 128


@pytest.mark.parametrize("shape", [(5, 7), (40, 900), (1024, 700)])
def test_tiles_cover_an_image_full_of_strokes(shape):
    covered = np.zeros(shape, bool)
    for rows, columns in regions(np.ones(shape, bool)):
        assert rows.stop - rows.start <= TILE
        assert columns.stop - columns.start <= TILE
        covered[rows, columns] = True
    assert covered.all()


def test_an_image_without_strokes_is_not_searched():
    assert regions(np.zeros((64, 64), bool)) == []
