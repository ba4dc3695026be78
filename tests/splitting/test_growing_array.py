import numpy as np
import pytest

from lung_cxr.splitting.growing_array import GrowingArray, committed_rows


def image(value, size=5):
    return np.full((size, size), value, np.uint8)


def grow(path, values, keep=0, commit=True):
    array = GrowingArray(path, 5, keep)
    for value in values:
        array.append(image(value))
    if commit:
        array.commit()
    array.close()


def first_pixels(path):
    return np.load(path, mmap_mode="r")[:, 0, 0].tolist()


def test_numpy_reads_what_grew_in_several_goes(tmp_path):
    path = tmp_path / "a.npy"
    grow(path, [1, 2, 3])
    grow(path, range(4, 120), keep=3)
    assert first_pixels(path) == list(range(1, 120))
    assert np.load(path).dtype == np.uint8
    assert path.stat().st_size == 128 + 119 * 25


def test_readers_see_only_what_was_committed(tmp_path):
    path = tmp_path / "a.npy"
    grow(path, [1, 2])
    grow(path, [3, 4], keep=2, commit=False)
    assert first_pixels(path) == [1, 2]
    assert committed_rows(path, 5) == 2
    grow(path, [9], keep=2)
    assert first_pixels(path) == [1, 2, 9]


def test_a_reader_keeps_its_view_while_the_file_grows(tmp_path):
    path = tmp_path / "a.npy"
    grow(path, [1, 2])
    view = np.load(path, mmap_mode="r")
    grow(path, [3], keep=2)
    assert view[:, 0, 0].tolist() == [1, 2]


def test_committing_twice_and_appending_between(tmp_path):
    array = GrowingArray(tmp_path / "a.npy", 5, 0)
    for value in (1, 2, 3):
        array.append(image(value))
        array.commit()
        assert first_pixels(tmp_path / "a.npy")[-1] == value
    array.close()
    assert first_pixels(tmp_path / "a.npy") == [1, 2, 3]


def test_a_copy_cut_short_counts_its_whole_rows(tmp_path):
    path = tmp_path / "a.npy"
    grow(path, [1, 2, 3])
    path.write_bytes(path.read_bytes()[:-30])
    assert committed_rows(path, 5) == 1


@pytest.mark.parametrize(
    "content", [b"", b"short", np.zeros((3, 4, 4), np.uint8), np.zeros((3, 5, 5)), np.zeros(3, np.uint8)]
)
def test_a_file_that_is_no_such_array_has_no_rows(tmp_path, content):
    path = tmp_path / "a.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content)
    assert committed_rows(path, 5) == 0


def test_no_file_has_no_rows(tmp_path):
    assert committed_rows(tmp_path / "none.npy", 5) == 0


def test_an_image_of_another_shape_is_refused(tmp_path):
    array = GrowingArray(tmp_path / "a.npy", 5, 0)
    with pytest.raises(ValueError, match=r"Found uint8 \(4, 4\), expected uint8 \(5, 5\)"):
        array.append(image(1, size=4))
    array.close()
