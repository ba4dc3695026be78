"""What comes from the store, what goes there, and what happens to what a killed process left."""

import os
import stat
import time

import fsspec
import pytest

from lung_cxr.mirror.mirror import Mirror
from lung_cxr.mirror.selection import Selection

EVERYTHING = Selection()


@pytest.fixture
def mirror(tmp_path):
    """The mirror of one process."""
    made = Mirror(tmp_path / "0")
    yield made
    made.close()


@pytest.fixture
def folder(mirror, store):
    """The mirror's copy of a store with two files, which are sent from when changed."""
    store.put("06_models/a/model.keras", b"weights")
    store.put("06_models/b/model.keras", b"others")
    mirror.share(store.url, in_background=True)
    return mirror.pull(store.url, EVERYTHING)


def sent(monkeypatch):
    """The order in which files are sent and deleted from now on."""
    from lung_cxr.mirror import store as to_store

    order, send, delete = [], to_store.send, to_store.delete
    monkeypatch.setattr(to_store, "send", lambda path, url: order.append(path.name) or send(path, url))
    monkeypatch.setattr(to_store, "delete", lambda url: order.append(f"-{url.split('/')[-1]}") or delete(url))
    return order


def test_what_the_store_has_is_here(folder):
    assert (folder / "06_models/a/model.keras").read_bytes() == b"weights"
    assert (folder / "06_models/b/model.keras").read_bytes() == b"others"


def test_the_mirror_is_its_owners_alone(folder, mirror, tmp_path):
    assert stat.S_IMODE((tmp_path / "0").stat().st_mode) == 0o700


def test_only_what_is_wanted_comes(mirror, store):
    for name in ("a/dynamic/seed_1/model.keras", "a/dynamic/superseded/x/seed_1/model.keras", "b/dynamic/seed_1/m"):
        store.put(name, b"1")
    folder = mirror.pull(store.url, Selection(["a/*", "!*/superseded/*"]))
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()] == [
        "a/dynamic/seed_1/model.keras"
    ]


def test_nothing_comes_twice_also_in_the_next_process(folder, mirror, store, tmp_path):
    times = {path: path.stat().st_ctime_ns for path in folder.rglob("*.keras")}
    mirror.pull(store.url, EVERYTHING)
    mirror.close()
    following = Mirror(tmp_path / "0")
    following.pull(store.url, EVERYTHING)
    following.close()
    assert {path: path.stat().st_ctime_ns for path in folder.rglob("*.keras")} == times


def test_what_others_change_add_and_delete_arrives(folder, mirror, store):
    store.put("06_models/a/model.keras", b"trained again")
    store.put("06_models/c/model.keras", b"new")
    store.remove("06_models/b/model.keras")
    mirror.pull(store.url, EVERYTHING)
    assert (folder / "06_models/a/model.keras").read_bytes() == b"trained again"
    assert (folder / "06_models/c/model.keras").exists()
    assert not (folder / "06_models/b").exists(), "an empty folder is none"


def test_what_this_process_changes_adds_and_deletes_goes_to_the_store_and_nothing_else(folder, mirror, store):
    store.put("06_models/c/model.keras", b"another worker's")
    (folder / "06_models/a/model.keras").write_bytes(b"better")
    (folder / "06_models/a/model_card.md").write_text("new")
    (folder / "06_models/b/model.keras").unlink()
    mirror.push()
    assert store.names == ["06_models/a/model.keras", "06_models/a/model_card.md", "06_models/c/model.keras"]
    assert store.get("06_models/a/model.keras") == b"better"


def test_an_unchanged_mirror_sends_nothing(folder, mirror, monkeypatch):
    (folder / "06_models/a/model.keras").write_bytes(b"better")
    mirror.push()
    order = sent(monkeypatch)
    mirror.push()
    assert order == []


def test_changes_are_sent_in_the_order_in_which_they_were_made(folder, mirror, store, monkeypatch):
    order = sent(monkeypatch)
    for name in ("zuerst", "model.keras", "checkpoint_2", "run_record.json"):
        (folder / "06_models/a" / name).write_bytes(name.encode())
        time.sleep(0.02)
    (folder / "06_models/b/model.keras").unlink()
    time.sleep(0.02)
    unfinished = folder / "06_models/a/.unfinished-last"
    unfinished.write_bytes(b"last")
    os.utime(unfinished, (0, 0))  # renamed, a file keeps its time: it is its new name that counts
    unfinished.rename(folder / "06_models/a/last")
    mirror.push()
    assert order == ["zuerst", "model.keras", "checkpoint_2", "run_record.json", "-model.keras", "last"]


def test_a_run_that_is_moved_aside_is_there_under_its_new_name_before_the_old_one_goes(folder, mirror, monkeypatch):
    order = sent(monkeypatch)
    (folder / "06_models/superseded").mkdir()
    (folder / "06_models/a").rename(folder / "06_models/superseded/a")
    mirror.push()
    assert order == ["model.keras", "-model.keras"]


@pytest.mark.parametrize(
    "name",
    [
        ".unfinished-model.keras",
        "checkpoints/epoch_00001.partial",
        ".0123.77.tmp",
        "pixels_224.npy.new",
        "ingestion.lock",
        "06_models/mobilenet/frozen_features/3f/images/features.npy",
    ],
)
def test_what_is_half_written_a_lock_or_a_cache_neither_goes_nor_comes(mirror, store, name):
    folder = mirror.pull(store.url, EVERYTHING)
    mirror.share(store.url, in_background=True)
    path = folder / "mine" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1")
    mirror.push()
    assert store.names == []
    store.put(f"theirs/{name}", b"1")
    mirror.pull(store.url, EVERYTHING)
    assert not (folder / "theirs").exists()
    assert path.exists()


def test_a_pull_leaves_alone_what_this_process_is_working_on(folder, mirror, store):
    (folder / "06_models/a/model.keras").write_bytes(b"being trained")
    (folder / "06_models/a/checkpoint").write_bytes(b"new")
    (folder / "06_models/b/model.keras").unlink()
    mirror.pull(store.url, EVERYTHING)
    assert (folder / "06_models/a/model.keras").read_bytes() == b"being trained"
    assert (folder / "06_models/a/checkpoint").exists()
    assert not (folder / "06_models/b/model.keras").exists()


def test_what_a_killed_process_left_is_thrown_away_and_what_it_lost_comes_again(folder, mirror, store, tmp_path):
    (folder / "06_models/a/model.keras").write_bytes(b"never sent")
    (folder / "06_models/a/erased_elsewhere_since.png").write_bytes(b"pixels")
    cache = folder / "06_models/a/frozen_features/features.npy"
    cache.parent.mkdir()
    cache.write_bytes(b"1")
    (folder / "06_models/b/model.keras").unlink()
    mirror.close()
    following = Mirror(tmp_path / "0")
    following.share(store.url, in_background=False)
    following.push()
    assert store.names == ["06_models/a/model.keras", "06_models/b/model.keras"]
    following.pull(store.url, EVERYTHING)
    following.close()
    assert (folder / "06_models/a/model.keras").read_bytes() == b"weights"
    assert (folder / "06_models/b/model.keras").read_bytes() == b"others"
    assert not (folder / "06_models/a/erased_elsewhere_since.png").exists()
    assert cache.exists()


def test_in_the_background_only_folders_that_ask_for_it_are_sent(mirror, store):
    arrays = mirror.pull(f"{store.url}/05_model_input", EVERYTHING)
    models = mirror.pull(f"{store.url}/06_models", EVERYTHING)
    mirror.share(f"{store.url}/05_model_input", in_background=False)
    mirror.share(f"{store.url}/06_models", in_background=True)
    (arrays / "pixels_32.npy").write_bytes(b"half grown")
    (models / "checkpoint").write_bytes(b"epoch 1")
    mirror.push(in_background=True)
    assert store.names == ["06_models/checkpoint"]
    mirror.push()
    assert store.names == ["05_model_input/pixels_32.npy", "06_models/checkpoint"]


def test_nothing_is_sent_before_what_was_written_before_it(folder, mirror, store, monkeypatch):
    """A table under new names must not be there without the mark that says so."""
    from lung_cxr.mirror import store as to_store

    for name in ("mark", "table"):
        (folder / name).write_bytes(b"new")
        time.sleep(0.02)
    send = to_store.send

    def no_mark(path, url):
        if path.name == "mark":
            raise ConnectionError
        return send(path, url)

    monkeypatch.setattr(to_store, "send", no_mark)
    with pytest.raises(ConnectionError):
        mirror.push()
    assert "table" not in store.names


def test_a_file_that_could_not_be_sent_is_sent_the_next_time(folder, mirror, store, monkeypatch):
    (folder / "06_models/a/model.keras").write_bytes(b"better")
    with monkeypatch.context() as patch:
        patch.setattr("lung_cxr.mirror.store.send", lambda *_: (_ for _ in ()).throw(ConnectionError))
        with pytest.raises(ConnectionError):
            mirror.push()
    mirror.push()
    assert store.get("06_models/a/model.keras") == b"better"


def test_a_folder_of_the_hospitals_is_taken_whole_with_the_stores_times(mirror, store):
    store.put("01_raw/exports/2026/image.lock", b"a hospital may call it so")
    store.put("01_raw/exports/2026/image.dcm", b"dicom")
    folder = mirror.pull(f"{store.url}/01_raw/exports", EVERYTHING, as_is=True)
    first = {path.name: path.stat().st_mtime_ns for path in folder.rglob("image.*")}
    assert set(first) == {"image.lock", "image.dcm"}
    os.utime(folder / "2026/image.dcm", (1, 1))
    mirror.share(f"{store.url}/01_raw/exports", in_background=False)
    mirror.push()  # as the synthetic hospital does, which writes its exports itself
    mirror.pull(f"{store.url}/01_raw/exports", EVERYTHING, as_is=True)
    assert (folder / "2026/image.dcm").stat().st_mtime_ns == pytest.approx(
        store.written("01_raw/exports/2026/image.dcm"), abs=1e3
    )


def test_a_name_that_leads_out_of_the_mirror_is_refused(mirror, store, monkeypatch):
    escaping = {"/bucket/data/../../etc/passwd": {"size": 1}}
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "find", lambda *_, **__: escaping)
    with pytest.raises(ValueError, match="expected plain names"):
        mirror.pull(store.url, EVERYTHING)
