import json

import numpy as np
import pandas as pd
import pytest

from lung_cxr.erasure.pixel_arrays import erase_pixels


@pytest.fixture
def arrays(tmp_path):
    """Arrays of two sizes; only the larger holds image b."""
    for size, names in ((32, ["a"]), (48, ["a", "b"])):
        np.save(tmp_path / f"pixels_{size}.npy", np.zeros((len(names), size, size), np.uint8))
        pd.DataFrame({"image_id": names}).to_parquet(tmp_path / f"pixels_{size}.rows.parquet")
    (tmp_path / "pixel_arrays.json").write_text(json.dumps({"32": {}, "48": {}}))
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_an_array_that_holds_an_erased_image_goes_with_what_names_its_rows(arrays):
    assert erase_pixels(arrays, {"b"}) == 1
    assert names(arrays) == ["pixels_32.npy", "pixels_32.rows.parquet"]


def test_an_array_without_a_list_could_hold_anybody_and_goes(arrays):
    (arrays / "pixels_32.rows.parquet").unlink()
    assert erase_pixels(arrays, {"c"}) == 1
    assert names(arrays) == ["pixels_48.npy", "pixels_48.rows.parquet"]


def test_nothing_goes_where_no_array_holds_the_image(arrays):
    before = names(arrays)
    assert erase_pixels(arrays, {"c"}) == 0
    assert names(arrays) == before


def test_what_a_killed_run_left_unlisted_goes_and_the_rest_of_the_array_stays(arrays):
    array = arrays / "pixels_32.npy"
    whole = array.read_bytes()
    array.write_bytes(whole + b"withdrawn")
    unfinished = [arrays / "pixels_32.npy.new", arrays / "pixels_32.rows.new"]
    for path in unfinished:
        path.write_bytes(b"withdrawn")
    assert erase_pixels(arrays, {"c"}) == 0
    assert array.read_bytes() == whole
    assert not any(path.exists() for path in unfinished)
    assert np.load(array).shape == (1, 32, 32)


def test_the_list_left_by_a_kill_goes_with_the_half_laid_array(arrays):
    (arrays / "pixels_48.npy").rename(arrays / "pixels_48.npy.new")
    assert erase_pixels(arrays, {"b"}) == 1
    assert names(arrays) == ["pixels_32.npy", "pixels_32.rows.parquet"]
