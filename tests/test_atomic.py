import errno
from contextlib import suppress

import pytest

from lung_cxr.atomic import DiskFullError, atomic_folder, atomic_write


def test_a_file_is_complete_or_the_one_before(tmp_path):
    path = tmp_path / "new/file.txt"
    with atomic_write(path) as unfinished:
        unfinished.write_text("first")
    with suppress(KeyboardInterrupt), atomic_write(path) as unfinished:
        unfinished.write_text("sec")
        raise KeyboardInterrupt
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_the_file_before_stays(tmp_path, code):
    path = tmp_path / "file.txt"
    path.write_text("first")
    with pytest.raises(DiskFullError, match=rf"{path} is full") as caught, atomic_write(path):
        raise OSError(code, "No space left on device")
    assert caught.value.errno == code
    assert path.read_text() == "first"


def test_another_error_stays_as_it_is(tmp_path):
    with pytest.raises(PermissionError), atomic_write(tmp_path / "file.txt"):
        raise PermissionError(errno.EACCES, "denied")


def test_a_folder_is_complete_or_absent(tmp_path):
    with suppress(KeyboardInterrupt), atomic_folder(tmp_path / "new") as unfinished:
        (unfinished / "file.txt").write_text("half")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(tmp_path / "new") as unfinished:
        (unfinished / "below").mkdir()
        (unfinished / "below/file.txt").write_text("all")
        assert unfinished.name.startswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    assert (tmp_path / "new/below/file.txt").read_text() == "all"


def test_a_full_disk_leaves_no_folder(tmp_path):
    with pytest.raises(DiskFullError, match="new is full"), atomic_folder(tmp_path / "new"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []
