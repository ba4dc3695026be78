import errno
import logging
import os

import numpy as np
import pytest

from lung_cxr.parameters import FrozenPrefixParameters
from lung_cxr.training.frozen import feature_cache as module
from lung_cxr.training.frozen.feature_cache import FeatureFolder, FeatureStore

SHAPE = (2, 3)
VALUES = np.arange(18, dtype=np.float32).reshape(3, *SHAPE)


@pytest.fixture
def store(tmp_path):
    return FeatureStore(tmp_path / "images", 10, SHAPE, np.dtype("float32"))


def again(store):
    """As another process finds it."""
    return FeatureStore(store.folder, 10, SHAPE, np.dtype("float32"))


def test_what_is_put_is_taken_in_any_order_by_any_process(store):
    assert store.missing(np.array([4, 1, 4])).tolist() == [1, 4]
    store.put(np.array([7, 1, 4]), VALUES)
    for reader in (store, again(store)):
        assert reader.missing(np.array([1, 4, 5, 7])).tolist() == [5]
        assert np.array_equal(reader.take(np.array([4, 7, 7])), VALUES[[2, 0, 0]])


def test_a_slot_of_zeros_counts(store):
    store.put(np.array([0]), np.zeros((1, *SHAPE), np.float32))
    assert again(store).holds(np.array([0, 1])).tolist() == [True, False]


def test_a_damaged_slot_is_missing_and_named_once(store, caplog):
    store.put(np.array([2, 3]), VALUES[:2])
    with (store.folder / "features").open("r+b") as file:
        file.seek(2 * VALUES[0].nbytes + 5)
        file.write(b"\xff")
    for _ in range(2):
        assert again(store).holds(np.array([2, 3, 4])).tolist() == [False, True, False]
    (record,) = caplog.records
    assert f"{store.folder}: 1 features" in record.getMessage()
    store.put(np.array([2]), VALUES[:1])
    assert again(store).holds(np.array([2])).all()


@pytest.mark.parametrize("name", ["features", "checksums"])
def test_a_truncated_file_leaves_slots_missing(store, name):
    store.put(np.array([2, 9]), VALUES[:2])
    os.truncate(store.folder / name, 9 * (store.folder / name).stat().st_size // 10)
    assert again(store).holds(np.array([2, 9])).tolist() == [True, False]


def test_a_kill_between_bytes_and_checksum_leaves_the_slot_missing(store, monkeypatch):
    def killed(content):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.zlib, "crc32", killed)
        with pytest.raises(KeyboardInterrupt):
            store.put(np.array([2]), VALUES[:1])
    assert again(store).missing(np.array([2])).tolist() == [2]


def test_on_a_full_disk_it_says_so_once_and_keeps_what_it_has(store, monkeypatch, caplog):
    store.put(np.array([0]), VALUES[:1])

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with caplog.at_level(logging.WARNING):
        store.put(np.array([1]), VALUES[1:2])
        store.put(np.array([2]), VALUES[2:])
    assert caplog.text.count("is full") == 1
    assert store.holds(np.array([0, 1, 2])).tolist() == [True, False, False]


def test_an_empty_slot_takes_no_room(tmp_path):
    store = FeatureStore(tmp_path / "images", 1000, (1000, 100), np.dtype("float32"))
    store.put(np.array([999]), np.ones((1, 1000, 100), np.float32))
    assert module._bytes_on_disk(store.folder) < 4 * 400_000


def test_features_of_other_data_another_prefix_or_other_draws_are_other_stores(tmp_path):
    budget = FrozenPrefixParameters(disk_gib=1, memory_gib=1)
    one, other = (FeatureFolder(tmp_path, data, budget) for data in ("1" * 64, "2" * 64))
    opened = [
        folder.open(prefix, kind, facts, 3, SHAPE, np.dtype("float32"))
        for folder, prefix, kind, facts in [
            (one, "a" * 64, "images", ()),
            (other, "a" * 64, "images", ()),
            (one, "b" * 64, "images", ()),
            (one, "a" * 64, "bank", (7, 0)),
            (one, "a" * 64, "bank", (7, 1)),
        ]
    ]
    assert len({store.folder for store in opened}) == 5
    opened[0].put(np.array([0]), VALUES[:1])
    same = one.open("a" * 64, "images", (), 3, SHAPE, np.dtype("float32"))
    assert same.holds(np.array([0])).all()
    assert not any(store.holds(np.array([0])).any() for store in opened[1:])


def test_room_is_made_by_deleting_what_was_used_longest_ago(tmp_path):
    mib = 2**20
    folder = FeatureFolder(tmp_path, "1" * 64, FrozenPrefixParameters(disk_gib=3 / 1024, memory_gib=1))
    for age, name in enumerate(["new", "middle", "old"]):
        place = tmp_path / "prefix" / name
        place.mkdir(parents=True)
        (place / "features").write_bytes(b"x" * mib)
        os.utime(place, (1e9 - age, 1e9 - age))
    folder.make_room(mib // 2)
    assert sorted(path.name for path in (tmp_path / "prefix").iterdir()) == ["middle", "new"]
    folder.make_room(mib // 2)
    assert sorted(path.name for path in (tmp_path / "prefix").iterdir()) == ["middle", "new"]
