import os
from pathlib import Path

import pytest

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.prediction.new_images import find_new_images

SECRET = Secret("a secret of forty characters or so, 40!!")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "new_images"
    made.mkdir()
    return made


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_files_of_any_depth_and_kind_are_found_in_order_but_our_own_two(folder):
    for name in ("b/2/DICOMDIR", "b/1.dcm", ".hidden/a.png", "a.txt", "file_keys.csv", "SYNTHETIC", "b/SYNTHETIC"):
        write(folder / name)
    found = find_new_images(folder)
    assert found.synthetic
    assert list(found.files) == [".hidden/a.png", "a.txt", "b/1.dcm", "b/2/DICOMDIR", "b/SYNTHETIC"]
    assert all(found.files[name] == folder / name for name in found.files)


def test_a_link_out_of_the_folder_has_no_file_and_no_link_to_a_folder_is_followed(folder, tmp_path):
    outside = write(tmp_path / "outside/secret.png")
    inside = write(folder / "real/a.png")
    (folder / "out.png").symlink_to(outside)
    (folder / "out").symlink_to(outside.parent)
    (folder / "up").symlink_to("..")
    (folder / "again").symlink_to(inside.parent)
    (folder / "same.png").symlink_to(inside)
    (folder / "circle").symlink_to("circle")
    files = find_new_images(folder).files
    assert {name for name, file in files.items() if file is None} == {"out.png", "out", "up"}
    assert set(files) == {"out.png", "out", "up", "again", "same.png", "circle", "real/a.png"}


def test_the_folder_itself_may_be_a_link(folder, tmp_path):
    write(folder / "a.png")
    (tmp_path / "link").symlink_to(folder)
    assert find_new_images(tmp_path / "link").files == {"a.png": tmp_path / "link/a.png"}


def test_a_folder_that_may_not_be_listed_is_a_line(folder, monkeypatch):
    write(folder / "closed/a.png")
    scan = os.scandir

    def scan_or_refuse(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_or_refuse)
    assert list(find_new_images(folder).files) == ["closed"]


def test_every_name_has_a_key_of_its_own_and_is_not_shown(folder):
    spellings = ["Nguy\u1ec5n.png", "Nguye\u0302\u0303n.png", " a.png", "a.png", "a\\b.png", os.fsdecode(b"\xff.png")]
    for name in spellings:
        write(folder / name)
    found = find_new_images(folder)
    keys = found.file_keys(SECRET)
    assert keys["file_key"].nunique() == len(spellings)
    assert keys["file_key"].str.fullmatch("[0-9a-f]{32}").all()
    assert set(keys["file_key"]) == set(found.keyed(SECRET))
    assert "\\xff.png" in keys["path"].tolist()
    assert "Nguy" not in repr(found)
    assert not set(keys["file_key"]) & set(found.keyed(Secret("z" * 40)))
