"""Run a node in its own process beside the worker that received it.

Training needs a main thread that receives signals and draws random numbers alone (Dask's threads draw some too), and
its memory, above all that of the device, must be released when it ends.
"""

import logging
import os
import pickle
import signal
import threading
from collections.abc import Callable
from logging.handlers import QueueHandler
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 3  # per worker, before the node counts as failed


def run_in_process(function: Callable[..., Any], *arguments: Any, name: str) -> Any:
    """Call a function in a new process and return its result; its log records are logged here.

    A process that dies (out of memory, crash of a driver) is restarted, like a node of a lost worker.

    Args:
        function: Function that can be imported from its module.
        *arguments: Arguments that cloudpickle can pickle: Kedro defines its catalogue's class at run time.
        name: Name of the node, for the log.

    Raises:
        RuntimeError: The process died `MAX_ATTEMPTS` times.
    """
    for attempt in range(1, MAX_ATTEMPTS + 1):
        outcome, exitcode = _attempt(function, arguments)
        if exitcode == 0:
            return outcome
        log.warning("The process of %s died (exit code %s, attempt %d of %d)", name, exitcode, attempt, MAX_ATTEMPTS)
    raise RuntimeError(
        f"The process of {name} died {MAX_ATTEMPTS} times, last with exit code {exitcode}; expected it to complete. "
        "-9 means that the system killed it, usually for lack of memory: give the worker more, or reduce "
        "batch_size"
    )


def _attempt(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int | None]:
    """Return the last result that the process sent, and its exit code."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, cloudpickle.dumps((function, arguments))))
    process.start()
    theirs.close()
    outcome = None
    try:
        while True:
            message = ours.recv()
            if isinstance(message, logging.LogRecord):
                logging.getLogger(message.name).handle(message)
            else:
                outcome = message
    except EOFError:
        process.join()
    return outcome, process.exitcode


class ToWorker(QueueHandler):
    """Sends log records to the worker through a pipe."""

    def __init__(self, pipe: Connection):
        super().__init__(queue=None)  # type: ignore[arg-type]
        self._pipe = pipe

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send one log record."""
        self._pipe.send(record)


def _serve(worker: Connection, call: bytes) -> None:
    """Run in the new process: call the function and send its result."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    logging.getLogger().handlers = [ToWorker(worker)]
    function, arguments = pickle.loads(call)
    worker.send(function(*arguments))


def _end_with_worker() -> None:
    """Send SIGTERM to this process when its worker is lost: a training then ends with a checkpoint."""
    worker = parent_process()
    if worker is not None:
        connection.wait([worker.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
