"""Hook: the duration of every step in the log, and a line at least every minute while a step runs."""

import gc
import logging
import threading
import time

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from lung_cxr.progress import duration

log = logging.getLogger(__name__)

PACKAGE = "lung_cxr"
QUIET_SECONDS = 55.0  # without a log line, after which a running step logs one
SHORT_STEP = 1.0  # seconds; a shorter step logs nothing


class StepHook:
    """Logs the duration of each node, with saving, and a line a minute while a node logs nothing.

    It runs in the process of the command. On a cluster the workers log the start of each node instead.
    """

    def __init__(self) -> None:
        self._nodes: list[str] = []
        self._step: _Step | None = None
        self._last_line = _LastLine()

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Number the nodes; leave the imported modules out of later garbage collections, which take seconds."""
        gc.freeze()
        self._nodes = [node.name for node in pipeline.nodes]
        logging.getLogger(PACKAGE).addHandler(self._last_line)

    @hook_impl
    def before_dataset_loaded(self, node: Node) -> None:
        """End the step before, and begin the step of this node: a generator works while its results are saved."""
        if node.name in self._nodes and (self._step is None or self._step.name != node.name):
            self._end()
            self._step = _Step(node.name, self._nodes.index(node.name) + 1, len(self._nodes), self._last_line)

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """End the last step."""
        self._end()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """End the step that failed."""
        self._end()

    def _end(self) -> None:
        if self._step is not None:
            self._step.end()
            self._step = None


class _LastLine(logging.Handler):
    """Remembers the time of the last log line."""

    def __init__(self) -> None:
        super().__init__()
        self.time = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        self.time = time.monotonic()


class _Step:
    """A running node: logs a line if there was none for a while, and its duration at the end."""

    def __init__(self, name: str, number: int, total: int, last_line: _LastLine):
        self.name = name
        self._title = f"Step {number} of {total}, {name}"
        self._last_line, self._started, self._ended = last_line, time.monotonic(), threading.Event()
        threading.Thread(target=self._show_life, daemon=True).start()

    def end(self) -> None:
        self._ended.set()
        seconds = time.monotonic() - self._started
        if seconds >= SHORT_STEP:
            log.info("%s: %s", self._title, duration(seconds))

    def _show_life(self) -> None:
        while not self._ended.wait(max(0.0, QUIET_SECONDS - self._quiet_for()) + 0.01):
            if self._quiet_for() >= QUIET_SECONDS:
                log.info("%s: running for %s", self._title, duration(time.monotonic() - self._started))

    def _quiet_for(self) -> float:
        return time.monotonic() - max(self._last_line.time, self._started)
