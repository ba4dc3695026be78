"""Nodes that workers of a cluster run in tests: each says in which process, from when to when."""

import os
import signal
import time
from pathlib import Path

SECONDS = 0.2


def look_around(*inputs: dict) -> dict:
    """Say where this node is run, and when."""
    began = time.time()
    time.sleep(SECONDS)
    return {"process": os.getpid(), "parent": os.getppid(), "began": began, "ended": time.time(), "inputs": len(inputs)}


def fail(found: dict) -> dict:
    raise KeyError("found something, expected nothing")


def die_once(place: str) -> dict:
    """Take the worker down the first time."""
    marker = Path(place)
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return look_around()


def go_on_for_ever(place: str) -> dict:
    Path(place).touch()
    while True:
        time.sleep(0.05)
