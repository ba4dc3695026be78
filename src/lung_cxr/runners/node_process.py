"""A node in a process of its own, beside the worker that it was sent to.

Training wants a main thread, in which signals arrive and nobody else draws random numbers (Dask's threads do), and
memory, of the device above all, that is given back when it ends.
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

ATTEMPTS = 3  # of one worker, before the node counts as failed


def in_own_process(function: Callable[..., Any], *arguments: Any, name: str) -> Any:
    """Return what a function returns in a new process; what it logs is logged here.

    A process that dies (killed for want of memory, a crash of a driver) is started again, as a lost worker's node is.

    Args:
        function: Importable from its module.
        *arguments: Anything that cloudpickle can pickle: Kedro's commands make their catalogue's class as they run.
        name: Of what is run, for the log.

    Raises:
        RuntimeError: The process died again and again.
    """
    for attempt in range(1, ATTEMPTS + 1):
        outcome, exitcode = _attempt(function, arguments)
        if exitcode == 0:
            return outcome
        log.warning("The process of %s died (exit code %s, attempt %d of %d)", name, exitcode, attempt, ATTEMPTS)
    raise RuntimeError(
        f"The process of {name} died {ATTEMPTS} times, last with exit code {exitcode}; expected it to end by itself. "
        "-9 is what the system does when memory runs short: give the worker more, or a smaller batch_size"
    )


def _attempt(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, int | None]:
    """Return what the process sent last, and how it ended."""
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
    """Sends log records through a pipe to the worker."""

    def __init__(self, pipe: Connection):
        super().__init__(queue=None)  # type: ignore[arg-type]
        self._pipe = pipe

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send one."""
        self._pipe.send(record)


def _serve(worker: Connection, call: bytes) -> None:
    """Be the process: call the function, send what it returns."""
    threading.Thread(target=_end_with_worker, daemon=True).start()
    logging.getLogger().handlers = [ToWorker(worker)]
    function, arguments = pickle.loads(call)
    worker.send(function(*arguments))


def _end_with_worker() -> None:
    """Take the loss of the worker as SIGTERM: a training then ends with a checkpoint."""
    worker = parent_process()
    if worker is not None:
        connection.wait([worker.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
