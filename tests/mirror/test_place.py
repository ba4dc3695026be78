"""One mirror for each process, and none left when they are cleared."""

import subprocess
import sys

import pytest

from lung_cxr.mirror import __main__ as command
from lung_cxr.mirror.place import VARIABLE, clear_idle_mirrors, mirrors_folder, take_mirror

HOLD = """
import sys
from pathlib import Path
from lung_cxr.mirror.place import take_mirror
folder, lock = take_mirror(Path(sys.argv[1]))
folder.mkdir()
(folder / "file").touch()
print(folder.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "0\n"
        yield process
        process.kill()


def test_a_second_process_takes_a_second_mirror_and_a_later_one_the_first(other, tmp_path):
    second, lock = take_mirror(tmp_path)
    assert second.name == "1"
    lock.release()
    other.kill()
    other.wait()
    first, lock = take_mirror(tmp_path)
    assert (first.name, (first / "file").exists()) == ("0", True)
    lock.release()


def test_clearing_deletes_those_that_nobody_has(other, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    second, lock = take_mirror(tmp_path)
    (second / "files").mkdir(parents=True)
    lock.release()
    assert command.main(["clear"]) == 1
    assert capsys.readouterr().out == "1 mirrors deleted, 1 in use\n"
    assert not second.exists()
    assert (tmp_path / "0" / "file").exists()
    other.kill()
    other.wait()
    assert clear_idle_mirrors(tmp_path) == (1, 0)


def test_mirrors_are_in_the_users_cache_unless_a_variable_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert command.main(["where"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/lung_cxr/mirror\n"
    monkeypatch.setenv(VARIABLE, "/scratch/mirror")
    assert str(mirrors_folder()) == "/scratch/mirror"
