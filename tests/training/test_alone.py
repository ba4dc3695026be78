import logging
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from lung_cxr.training.alone import alone

HOLD = """
import sys, time
from pathlib import Path
from lung_cxr.training.alone import alone
with alone(Path(sys.argv[1]), "a run"):
    print("in", flush=True)
    time.sleep(600)
"""


def test_a_second_process_waits_and_a_killed_one_lets_go(tmp_path, caplog):
    place = tmp_path / "06_models" / "seed_7"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "in\n"
        with ThreadPoolExecutor(1) as pool, caplog.at_level(logging.WARNING):

            def enter():
                with alone(place, "mobilenet, dynamic, seed 7"):
                    return time.monotonic()

            entered = pool.submit(enter)
            time.sleep(0.5)
            assert not entered.done()
            killed = time.monotonic()
            holder.kill()
            assert entered.result(timeout=30) > killed
    assert caplog.messages == ["mobilenet, dynamic, seed 7: another process is at it; waiting for it to end"]
    assert not place.exists(), "the lock stands beside the run's folder"


def test_places_do_not_wait_for_each_other(tmp_path):
    with alone(tmp_path / "seed_7", "one"), alone(tmp_path / "seed_8", "another"):
        assert {path.name for path in tmp_path.iterdir()} == {".seed_7.lock", ".seed_8.lock"}
