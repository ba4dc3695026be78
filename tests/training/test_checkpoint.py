import logging

import numpy as np
import pytest

from lung_cxr.training.run import checkpoint as module
from lung_cxr.training.run.checkpoint import Checkpoint, CheckpointFolder


def checkpoint(epoch: int) -> Checkpoint:
    return Checkpoint(
        epoch=epoch,
        schedule={"epoch": epoch, "best_val_loss": float("inf"), "stop_reason": ""},
        history=[{"epoch": 1, "val_loss": float("nan"), "event": "unfreeze"}],
        variables=[np.full((2, 3), epoch, np.float32), np.array([1, 2], np.uint32), np.float32(4)],
        best=[np.arange(12, dtype=np.float32) for _ in range(11)],  # eleven: names must sort as numbers do
        optimizer=[np.int64(7)],
    )


@pytest.fixture
def folder(tmp_path):
    return CheckpointFolder(tmp_path / "checkpoints")


def test_what_is_saved_is_loaded(folder):
    saved = checkpoint(3)
    folder.save(saved)
    loaded = folder.load()
    assert (loaded.epoch, loaded.schedule) == (3, saved.schedule)
    assert loaded.history[0]["event"] == "unfreeze"
    assert np.isnan(loaded.history[0]["val_loss"])
    for name in ("variables", "best", "optimizer"):
        for before, after in zip(getattr(saved, name), getattr(loaded, name), strict=True):
            assert np.array_equal(before, after)
            assert before.dtype == after.dtype


def test_none_before_the_first(folder):
    assert folder.load() is None


def test_the_newest_two_are_kept(folder):
    for epoch in (9, 10, 11, 100):
        folder.save(checkpoint(epoch))
    assert sorted(path.name for path in folder.folder.iterdir()) == ["epoch_00011.npz", "epoch_00100.npz"]
    assert folder.load().epoch == 100


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_one_falls_back_to_the_one_before_and_says_so(folder, caplog, damage):
    for epoch in (1, 2):
        folder.save(checkpoint(epoch))
    newest = folder.folder / "epoch_00002.npz"
    content = bytearray(newest.read_bytes())
    if damage == "flipped":
        place = content.index(np.arange(12, dtype=np.float32).tobytes()) + 9
        content[place] ^= 0xFF
    newest.write_bytes({"cut": content[: len(content) // 2], "flipped": content, "empty": b""}[damage])
    with caplog.at_level(logging.WARNING):
        assert folder.load().epoch == 1
    assert "epoch_00002.npz is damaged" in caplog.text


def test_where_all_are_damaged_the_run_starts_afresh(folder):
    folder.save(checkpoint(1))
    (folder.folder / "epoch_00001.npz").write_bytes(b"nothing")
    assert folder.load() is None


def test_a_full_disk_leaves_the_last_good_one(folder, monkeypatch):
    folder.save(checkpoint(1))

    def full(stream, **arrays):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        folder.save(checkpoint(2))
    monkeypatch.undo()
    assert [path.name for path in folder.folder.iterdir()] == ["epoch_00001.npz"]
    assert folder.load().epoch == 1


def test_removed_when_the_run_has_its_record(folder):
    folder.save(checkpoint(1))
    folder.remove()
    assert not folder.folder.exists()
    folder.remove()  # nothing there: nothing to do


def test_parts_of_a_run_have_checkpoints_of_their_own_and_go_with_it(folder):
    part = folder.below("depth_3")
    part.save(checkpoint(1))
    assert folder.load() is None
    assert part.load().epoch == 1
    folder.remove()
    assert not part.folder.exists()
