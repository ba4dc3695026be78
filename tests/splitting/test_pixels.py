import logging
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lung_cxr.splitting import pixel_rows, pixels
from lung_cxr.splitting.pixels import grow_pixel_arrays, open_pixels
from lung_cxr.splitting.stored_images import StoredImageError, read_stored


@pytest.fixture
def world(manifest_of, store, tmp_path, monkeypatch):
    """Ten stored images, and a count of how many were decoded."""
    return World(manifest_of, store, tmp_path, monkeypatch)


class World:
    def __init__(self, manifest_of, store, folder, monkeypatch):
        self.images, self.arrays, self.decoded = folder / "images", folder / "arrays", []
        self.arrays.mkdir()
        self._store = store
        self.manifest = manifest_of([(f"p{i}", "Pneumonia", 1) for i in range(10)])
        self.store()
        monkeypatch.setattr(pixels, "read_stored", self._counted)
        monkeypatch.setattr(pixels, "COMMIT_EVERY", 3)

    def _counted(self, path, sizes):
        self.decoded.append(path.stem)
        return read_stored(path, sizes)

    def store(self):
        self._store(self.manifest, self.images)

    def grow(self, rows, sizes=(16, 8), workers=1):
        """Grow to these rows of the manifest and return how many images were decoded for it."""
        self.decoded.clear()
        split = self.manifest.loc[rows, ["image_id", "patient_key", "label"]].assign(subset="train")
        self.result = grow_pixel_arrays(split, self.manifest, self.images, self.arrays, sizes=sizes, workers=workers)
        self.check(rows, sizes)
        return len(self.decoded)

    def check(self, rows, sizes):
        for size in sizes:
            wanted = [read_stored(self.images / path, [size])[size] for path in self.manifest.loc[rows, "image_path"]]
            assert np.array_equal(open_pixels(self.arrays, size), wanted)
            assert self.result[str(size)]["rows"] == len(rows)


def test_every_image_is_decoded_once_for_all_sizes(world):
    assert world.grow(range(10), sizes=[16, 8, 16]) == 10
    assert sorted(world.result) == ["16", "8"]
    assert world.result["16"]["file"] == "pixels_16.npy"


def test_a_second_run_does_nothing_and_says_so(world, caplog):
    world.grow(range(10))
    before, times = world.result, [path.stat().st_mtime_ns for path in sorted(world.arrays.iterdir())]
    with caplog.at_level(logging.INFO, "lung_cxr"):
        assert world.grow(range(10)) == 0
    assert "pixels_16: 0 new of 10 rows" in caplog.text
    assert world.result == before
    assert [path.stat().st_mtime_ns for path in sorted(world.arrays.iterdir())] == times


def test_a_refresh_appends_in_place(world, caplog):
    world.grow(range(4))
    file = (world.arrays / "pixels_16.npy").stat().st_ino
    with caplog.at_level(logging.INFO, "lung_cxr"):
        assert world.grow(range(10)) == 6
    assert "pixels_8: 6 new of 10 rows" in caplog.text
    assert (world.arrays / "pixels_16.npy").stat().st_ino == file


@pytest.mark.parametrize(
    ("then", "decoded"),
    [
        ([0, 1, 3, 4], 0),  # an image was withdrawn
        ([0, 1, 2], 0),  # the last ones were
        ([5, 0, 1, 2, 3, 4], 1),  # one stands in front
        ([4, 3, 2, 1, 0, 9, 8], 2),  # another order, and new ones
        ([7], 1),  # nothing is left of the old
    ],
)
def test_a_changed_split_is_laid_out_anew_from_known_rows(world, then, decoded):
    world.grow(range(5))
    assert world.grow(then) == decoded
    assert world.grow(then) == 0
    assert sorted(path.name for path in world.arrays.iterdir()) == [
        "pixels_16.npy", "pixels_16.rows.parquet", "pixels_8.npy", "pixels_8.rows.parquet",
    ]  # fmt: skip


def test_an_image_whose_pixels_changed_is_decoded_again(world):
    world.grow(range(5))
    known = world.result["16"]["sha256"]
    world.manifest.loc[2, "pixel_sha256"] = "0" * 64
    world.store()
    assert world.grow(range(5)) == 1
    assert world.result["16"]["sha256"] != known


def test_a_new_size_leaves_the_others_alone(world):
    world.grow(range(5), sizes=[16])
    times = (world.arrays / "pixels_16.npy").stat().st_mtime_ns
    assert world.grow(range(5), sizes=[16, 8]) == 5
    assert (world.arrays / "pixels_16.npy").stat().st_mtime_ns == times


def test_sizes_that_are_differently_far_are_brought_in_line(world):
    world.grow(range(3), sizes=[8])
    world.grow(range(6), sizes=[16])
    assert world.grow(range(10), sizes=[8, 16]) == 7


def test_another_way_to_resize_decodes_everything_again(world, monkeypatch):
    world.grow(range(5))
    known = world.result["16"]["sha256"]
    for module in (pixels, pixel_rows):
        monkeypatch.setattr(module, "RESIZE_METHOD", "another")
    assert world.grow(range(5)) == 5
    assert world.result["16"]["sha256"] != known


def test_the_hash_depends_on_images_order_and_size(world):
    world.grow([0, 1])
    here = world.result
    assert here["8"]["sha256"] != here["16"]["sha256"]
    world.grow([1, 0])
    assert world.result["8"]["sha256"] != here["8"]["sha256"]


def test_a_killed_run_goes_on_from_its_last_commit(world):
    world.grow(range(2))
    path = world.images / world.manifest.loc[8, "image_path"]
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(StoredImageError):
        world.grow(range(10))
    assert open_pixels(world.arrays, 16).shape[0] == 6  # commits come after the rows 3, 6 and 9
    path.write_bytes(content)
    assert world.grow(range(10)) == 4


KILLED_AT_ROW_7 = """
import os, signal, sys
from pathlib import Path
import pandas as pd
from lung_cxr.splitting import pixels
from lung_cxr.splitting.stored_images import read_stored

def read_or_die(path, sizes, read=[]):
    read.append(path)
    if len(read) == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return read_stored(path, sizes)

pixels.read_stored, pixels.COMMIT_EVERY = read_or_die, 3
folder = Path(sys.argv[1])
manifest = pd.read_parquet(folder / "manifest.parquet")
split = manifest[["image_id", "patient_key", "label"]].assign(subset="train")
pixels.grow_pixel_arrays(split, manifest, folder / "images", folder / "arrays", sizes=[16, 8], workers=1)
"""


def test_a_process_killed_outright_loses_only_what_it_had_not_committed(world, tmp_path):
    world.manifest.to_parquet(tmp_path / "manifest.parquet")
    killed = subprocess.run([sys.executable, "-c", KILLED_AT_ROW_7, tmp_path], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert open_pixels(world.arrays, 16).shape[0] == 6
    assert world.grow(range(10)) == 4


def test_a_kill_between_list_and_header_costs_nothing_but_the_rows_since(world):
    world.grow(range(4), sizes=[16])
    header = (world.arrays / "pixels_16.npy").read_bytes()[:128]
    world.grow(range(8), sizes=[16])
    with (world.arrays / "pixels_16.npy").open("r+b") as file:
        file.write(header)
    assert world.grow(range(8), sizes=[16]) == 4


def test_a_killed_new_layout_leaves_the_old_array(world, monkeypatch):
    world.grow(range(6), sizes=[16])
    before = np.array(open_pixels(world.arrays, 16))
    monkeypatch.setattr(pixel_rows.PixelRows, "finish", lambda array: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        world.grow([9, 5, 4, 3, 2, 1, 0], sizes=[16])
    assert np.array_equal(open_pixels(world.arrays, 16), before)
    monkeypatch.undo()
    world.grow([9, 5, 4, 3, 2, 1, 0], sizes=[16])


@pytest.mark.parametrize("lost", ["pixels_16.rows.parquet", "pixels_16.npy"])
def test_an_array_without_its_list_is_built_again(world, lost):
    world.grow(range(4), sizes=[16])
    (world.arrays / lost).unlink()
    assert world.grow(range(4), sizes=[16]) == 4


def test_threads_give_the_same_array(world):
    world.grow(range(10), workers=2)


def test_an_array_of_another_size_is_named_in_the_error(world):
    world.grow(range(2), sizes=[8])
    with pytest.raises(FileNotFoundError, match=r"No pixels_16.npy; found pixels_8.npy"):
        open_pixels(world.arrays, 16)


def test_the_split_it_is_in_line_with_is_recorded(world):
    world.grow([0, 1])
    known = world.result["8"]["split_sha256"]
    world.manifest["label"] = pd.Series("COVID-19", index=world.manifest.index, dtype="str")
    world.grow([0, 1])
    assert world.result["8"]["split_sha256"] != known


@pytest.mark.parametrize("damaged", ["pixels_16.npy", "pixels_16.rows.parquet"])
def test_a_damaged_array_or_list_is_named_and_rebuilt(world, caplog, damaged):
    world.grow(range(5), sizes=[16])
    (world.arrays / damaged).write_bytes(b"no array, no table" * 20)
    assert world.grow(range(5), sizes=[16]) == 5
    assert f"{world.arrays / damaged} is damaged" in caplog.text


def test_an_array_of_other_pixels_is_rebuilt_and_named(world, caplog):
    """A copy of another environment's array has the right size and other patients."""
    world.grow(range(10))
    array = np.load(world.arrays / "pixels_16.npy")
    np.save(world.arrays / "pixels_16.npy", array[::-1])
    assert world.grow(range(10)) == 10
    assert "pixels_16.npy holds other pixels than the stored images" in caplog.text
    assert "pixels_8.npy" not in caplog.text
