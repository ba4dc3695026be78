"""Locks between processes: the catalogue's refuses, that of a run's folder waits."""

import logging
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lung_cxr import locks
from lung_cxr.locks import CatalogueInUseError, catalogue_lock, wait_lock

HOLD = """
import sys, time
from pathlib import Path
from lung_cxr.locks import catalogue_lock
with catalogue_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""

HOLD_RUN = """
import sys, time
from pathlib import Path
from lung_cxr.locks import wait_lock
with wait_lock(Path(sys.argv[1]), "a run"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    monkeypatch.setattr(locks, "REFUSE_AFTER_SECONDS", 0)


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_is_refused_and_told_who_is_first(holder, tmp_path):
    pattern = rf"^Process {holder.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC, is writing this catalogue; "
    with pytest.raises(CatalogueInUseError, match=pattern) as error, catalogue_lock(tmp_path):
        pass
    for private in (os.environ.get("USER"), os.environ.get("HOME"), str(tmp_path)):
        assert not private or not re.search(rf"\b{re.escape(private)}\b", str(error.value))


def test_a_killed_holder_gives_it_back(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with catalogue_lock(tmp_path):
        pass


def test_it_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), catalogue_lock(tmp_path):
        raise ZeroDivisionError
    with catalogue_lock(tmp_path / "made if need be"), catalogue_lock(tmp_path):
        pass


def test_a_second_process_waits_and_a_killed_one_lets_go(tmp_path, caplog):
    place = tmp_path / "06_models" / "seed_7"
    with subprocess.Popen([sys.executable, "-c", HOLD_RUN, str(place)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with ThreadPoolExecutor(1) as pool, caplog.at_level(logging.WARNING):

            def enter():
                with wait_lock(place, "mobilenet, dynamic, seed 7"):
                    return time.monotonic()

            entered = pool.submit(enter)
            time.sleep(0.5)
            assert not entered.done()
            killed = time.monotonic()
            holder.kill()
            assert entered.result(timeout=30) > killed
    assert len(caplog.messages) == 1
    assert "mobilenet, dynamic, seed 7" in caplog.text
    assert not place.exists(), "the lock stands beside the run's folder"


def test_places_do_not_wait_for_each_other(tmp_path):
    with wait_lock(tmp_path / "seed_7", "one"), wait_lock(tmp_path / "seed_8", "another"):
        assert {path.name for path in tmp_path.iterdir()} == {".seed_7.lock", ".seed_8.lock"}
