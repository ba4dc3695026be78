"""The catalogue's lock, between processes."""

import os
import re
import signal
import subprocess
import sys

import pytest

from lung_cxr.imaging.catalogue import lock
from lung_cxr.imaging.catalogue.lock import CatalogueInUseError, sole_writer

HOLD = """
import sys, time
from pathlib import Path
from lung_cxr.imaging.catalogue.lock import sole_writer
with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(lock, "PATIENCE", 0)


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_is_first(holder, tmp_path):
    pattern = rf"^Process {holder.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, is writing this catalogue; expected"
    with pytest.raises(CatalogueInUseError, match=pattern) as error, sole_writer(tmp_path):
        pass
    for private in (os.environ.get("USER"), os.environ.get("HOME"), str(tmp_path)):
        assert not private or not re.search(rf"\b{re.escape(private)}\b", str(error.value))


def test_a_killed_holder_gives_it_back(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with sole_writer(tmp_path):
        pass


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), sole_writer(tmp_path):
        raise ZeroDivisionError
    with sole_writer(tmp_path / "made if need be"), sole_writer(tmp_path):
        pass
