import numpy as np
import pytest
from PIL import Image

from lung_cxr.splitting.stored_images import StoredImageError, read_stored


def test_shrinking_takes_the_mean_over_each_area(tmp_path):
    pixels = np.kron([[0, 100], [200, 40]], np.ones((32, 32))).astype(np.uint8)
    pixels[0, 0] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = read_stored(tmp_path / "a.png", [2, 4, 64])
    assert read[2].tolist() == [[0, 100], [200, 40]]
    assert read[4].dtype == np.uint8
    assert read[4][0, 0] == 1  # 255 / 16²
    assert np.array_equal(read[64], pixels)


def test_enlarging_is_smooth(tmp_path):
    Image.fromarray(np.array([[0, 255], [0, 255]], np.uint8)).save(tmp_path / "a.png")
    assert len(np.unique(read_stored(tmp_path / "a.png", [16])[16])) > 4


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda path: None, "FileNotFoundError"),
        (lambda path: path.write_bytes(b"no image"), "UnidentifiedImageError"),
        (lambda path: Image.new("RGB", (8, 8)).save(path), "is RGB 8 × 8"),
        (lambda path: Image.new("L", (8, 9)).save(path), "is L 8 × 9"),
    ],
)
def test_a_spoilt_image_says_what_was_found(tmp_path, spoil, found):
    spoil(tmp_path / "abc.png")
    with pytest.raises(StoredImageError, match=rf"Image abc .*{found}"):
        read_stored(tmp_path / "abc.png", [4])


def test_a_truncated_image_is_spoilt(tmp_path):
    path = tmp_path / "abc.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(StoredImageError, match="abc"):
        read_stored(path, [4])
