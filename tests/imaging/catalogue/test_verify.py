import hashlib
import re

import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError
from lung_cxr.imaging.catalogue.summary import IngestionError
from lung_cxr.imaging.catalogue.verify import main
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.imaging.deidentify.pseudonyms import PUBLIC_SECRET, Secret
from lung_cxr.locks import CatalogueInUseError, catalogue_lock

SECRET = "the secret of this test, forty characters"
IDS = [digit * 32 for digit in "abcd"]


@pytest.fixture
def root(tmp_path, smooth, monkeypatch):
    """A data folder with four stored images and one rejected image."""
    monkeypatch.setenv("LUNG_CXR_KEY", SECRET)
    hashes = KeyedHashes(Secret(SECRET))
    store = ImageStore(tmp_path / "03_primary/images")
    rows = []
    for number, image_id in enumerate(IDS):
        image = (smooth(number) * 255).astype(np.uint8)
        store.put(image_id, image)
        rows.append((image_id, hashes.pixels(hashlib.sha256(image.tobytes()).hexdigest()), store.path(image_id)))
    table = pd.DataFrame([*rows, ("e" * 32, "", "")], columns=["image_id", "pixel_sha256", "image_path"])
    table.to_parquet(tmp_path / "03_primary/image_manifest.parquet")
    return tmp_path


def test_an_intact_store_exits_with_0(root, capsys):
    assert main([str(root)]) == 0
    assert re.findall(r"\d+", capsys.readouterr().out) == ["4", "0", "0"]


def test_damaged_and_missing_images_are_listed_and_removed(root, capsys, smooth):
    store = ImageStore(root / "03_primary/images")
    path = store.folder / store.path(IDS[0])
    flipped = bytearray(path.read_bytes())
    flipped[len(flipped) // 2] ^= 255
    path.write_bytes(bytes(flipped))
    store.put(IDS[1], (smooth(9) * 255).astype(np.uint8))
    store.remove(IDS[2])
    assert main([str(root)]) == 1
    printed = capsys.readouterr().out
    assert re.findall(r"\b\d\b", printed) == ["1", "1", "2"]
    assert f"missing: {IDS[2]}\ndamaged: {IDS[0]}, {IDS[1]}\n" in printed
    assert store.has(IDS[0])
    assert main([str(root), "--remove"]) == 1
    assert [store.has(image_id) for image_id in IDS] == [False, False, False, True]


def test_nothing_is_removed_during_a_key_rotation(root):
    (root / "02_intermediate").mkdir()
    (root / "02_intermediate/key_fingerprint.txt").write_text(f"{'a' * 32}>{'b' * 32}")
    with pytest.raises(HalfRotatedKeyError):
        main([str(root), "--remove"])


def test_a_running_refresh_is_refused(root, monkeypatch):
    monkeypatch.setattr("lung_cxr.locks.REFUSE_AFTER_SECONDS", 0)
    with catalogue_lock(root / "02_intermediate"), pytest.raises(CatalogueInUseError):
        main([str(root)])


def test_the_key_must_be_the_catalogues_and_the_public_one_is_found(root, monkeypatch):
    (root / "02_intermediate").mkdir()
    fingerprint = root / "02_intermediate/key_fingerprint.txt"
    fingerprint.write_text(Secret(SECRET[::-1]).fingerprint)
    with pytest.raises(IngestionError, match="not the key"):
        main([str(root)])
    monkeypatch.delenv("LUNG_CXR_KEY")
    fingerprint.write_text(Secret(PUBLIC_SECRET).fingerprint)
    assert main([str(root)]) == 1  # its hashes are of another key
