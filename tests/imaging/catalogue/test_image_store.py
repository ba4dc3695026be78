import errno
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lung_cxr.imaging.catalogue.image_store import ImageStore, StoreFullError

ID = "ab" * 16


@pytest.fixture
def store(tmp_path):
    return ImageStore(tmp_path)


def test_an_image_comes_back_as_it_was_put(store, smooth):
    image = (smooth() * 255).astype(np.uint8)
    assert store.put(ID, image) == f"ab/{ID}.png"
    np.testing.assert_array_equal(store.get(ID), image)
    assert np.asarray(Image.open(store.folder / "ab" / f"{ID}.png")).dtype == np.uint8


def test_the_file_holds_pixels_and_nothing_else(store, smooth):
    store.put(ID, (smooth() * 255).astype(np.uint8))
    content = (store.folder / store.path(ID)).read_bytes()
    chunks, position = [], 8
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        chunks.append(content[position + 4 : position + 8])
        position += 12 + length
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
    assert Image.open(io.BytesIO(content)).info == {}


def test_a_broken_write_leaves_the_old_image(store, smooth, monkeypatch):
    image = (smooth() * 255).astype(np.uint8)
    store.put(ID, image)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put(ID, 255 - image)
    monkeypatch.undo()
    np.testing.assert_array_equal(store.get(ID), image)


def test_removing_twice_is_no_error(store):
    store.put(ID, np.zeros((4, 4), np.uint8))
    assert store.has(ID)
    store.remove(ID)
    store.remove(ID)
    assert not store.has(ID)


def test_a_sweep_leaves_what_is_wanted_and_what_is_not_ours(store):
    other = "f" * 32
    for image_id in (ID, other):
        store.put(image_id, np.zeros((8, 8), np.uint8))
    folder = (store.folder / store.path(ID)).parent
    (folder / f".{ID}.77.tmp").write_bytes(b"half an im")
    (folder / "Thumbs.png").touch()
    assert store.delete_orphans(None) == 0
    assert {path.name for path in folder.iterdir()} == {f"{ID}.png", "Thumbs.png"}
    assert store.delete_orphans({ID}) == 1
    assert (store.has(ID), store.has(other)) == (True, False)


def test_a_full_disk_leaves_the_earlier_image_and_nothing_else(store, monkeypatch):
    store.put(ID, np.zeros((8, 8), np.uint8))

    def full(path, _):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StoreFullError, match="full"):
            store.put(ID, np.ones((8, 8), np.uint8))
    assert store.get(ID).max() == 0
    assert len(list(store.folder.rglob("*.*"))) == 1
