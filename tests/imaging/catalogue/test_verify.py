import hashlib

import numpy as np
import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.image_store import ImageStore
from lung_cxr.imaging.catalogue.key_check import HalfRotatedKeyError
from lung_cxr.imaging.catalogue.verify import main
from lung_cxr.locks import CatalogueInUseError, catalogue_lock

IDS = [digit * 32 for digit in "abcd"]


@pytest.fixture
def root(tmp_path, smooth):
    """A data folder of four stored images and one that was rejected."""
    store = ImageStore(tmp_path / "03_primary/images")
    rows = []
    for number, image_id in enumerate(IDS):
        image = (smooth(number) * 255).astype(np.uint8)
        store.put(image_id, image)
        rows.append((image_id, hashlib.sha256(image.tobytes()).hexdigest(), store.path(image_id)))
    table = pd.DataFrame([*rows, ("e" * 32, "", "")], columns=["image_id", "pixel_sha256", "image_path"])
    table.to_parquet(tmp_path / "03_primary/image_manifest.parquet")
    return tmp_path


def test_a_whole_store_is_said_to_be_whole(root, capsys):
    assert main([str(root)]) == 0
    assert capsys.readouterr().out == "4 images are whole, 0 missing, 0 damaged\n"


def test_turned_bytes_other_pixels_and_missing_files_are_told_apart(root, capsys, smooth):
    store = ImageStore(root / "03_primary/images")
    path = store.folder / store.path(IDS[0])
    turned = bytearray(path.read_bytes())
    turned[len(turned) // 2] ^= 255
    path.write_bytes(bytes(turned))
    store.put(IDS[1], (smooth(9) * 255).astype(np.uint8))
    store.remove(IDS[2])
    assert main([str(root)]) == 1
    said = capsys.readouterr().out
    assert f"1 images are whole, 1 missing, 2 damaged\nmissing: {IDS[2]}\ndamaged: {IDS[0]}, {IDS[1]}\n" in said
    assert store.has(IDS[0])
    assert main([str(root), "--remove"]) == 1
    assert [store.has(image_id) for image_id in IDS] == [False, False, False, True]


def test_it_takes_nothing_away_while_the_key_is_being_changed(root):
    (root / "02_intermediate").mkdir()
    (root / "02_intermediate/key_fingerprint.txt").write_text(f"{'a' * 32}>{'b' * 32}")
    with pytest.raises(HalfRotatedKeyError):
        main([str(root), "--remove"])


def test_it_waits_for_no_refresh(root, monkeypatch):
    monkeypatch.setattr("lung_cxr.locks.REFUSE_AFTER_SECONDS", 0)
    with catalogue_lock(root / "02_intermediate"), pytest.raises(CatalogueInUseError):
        main([str(root)])


def test_a_store_of_objects_is_refused_with_the_reason(capsys):
    with pytest.raises(SystemExit):
        main(["s3://bucket/data"])
    assert "expected a mounted folder" in capsys.readouterr().err
