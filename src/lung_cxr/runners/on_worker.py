"""Functions that run on a worker of the cluster: configure the project, then run nodes."""

import logging
import os
import pickle
from dataclasses import dataclass
from functools import cache
from multiprocessing import current_process
from traceback import format_exception

import joblib
import rich
from distributed import Worker, WorkerPlugin, get_worker
from kedro.framework.hooks.manager import _create_hook_manager, _register_hooks
from kedro.framework.project import configure_project, settings
from kedro.pipeline.node import Node
from kedro.runner.task import Task
from pluggy import PluginManager

from lung_cxr.runners.node_process import run_in_process

log = logging.getLogger(__name__)

CONSOLE = "console"  # handler in conf/logging.yml

GPU = "gpu"
"""Tag of nodes that train or predict on images."""


class ProjectOnWorker(WorkerPlugin):
    """Configures the project (settings, hooks, logging) in every process that joins the cluster.

    Args:
        package: Name of the project's package.
        umask: Permissions that new files do not get, as in the process of the command.
    """

    name = "lung_cxr"

    def __init__(self, package: str, umask: int):
        self._package, self._umask = package, umask

    def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Configure the project; its log goes to the process of the command.

        Raises:
            RuntimeError: The worker is not allowed to start processes.
        """
        if current_process().daemon:
            raise RuntimeError(
                "Found a worker that may not start processes; expected one that can, because training and reading "
                "run in processes beside it that may crash: start workers with "
                "DASK_DISTRIBUTED__WORKER__DAEMON=False"
            )
        os.umask(self._umask)
        configure_project_here(self._package)


def configure_project_here(package: str) -> None:
    """Configure the project in this process; its log goes to the command, and no progress bar is drawn."""
    handlers = logging.getLogger().handlers
    configure_project(package)
    logging.getLogger().handlers = [kept for kept in handlers if kept.name != CONSOLE]
    logging.getLogger(package).setLevel(logging.INFO)
    rich.reconfigure(quiet=True)


@dataclass(frozen=True)
class Failure:
    """Error of a node, to be raised again in the process of the command.

    Attributes:
        error: Exception without its traceback, which belongs to another process.
        traceback: Traceback as text.
    """

    error: Exception
    traceback: str


class WorkerTraceback(Exception):  # noqa: N818  shown as the cause of the error; never raised
    """Traceback on the worker."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def run_node(task: Task, package: str) -> Node | Failure:
    """Run one node on this worker, or in a process beside it if it needs a GPU; its joblib tasks run on all workers.

    A failure is returned, not raised: with distributed 2026.8, an exception that cannot be unpickled blocks the client
    forever.
    """
    name = task.node.name
    log.info("%s on worker %s", name, get_worker().name)
    if GPU not in task.node.tags:
        with joblib.parallel_config(backend="dask"):
            return _outcome(task)
    try:
        return run_in_process(_run_in_process, task, package, name=name)
    except RuntimeError as error:
        return Failure(error, "".join(format_exception(error)))


def _run_in_process(task: Task, package: str) -> Node | Failure:
    configure_project_here(package)
    return _outcome(task)


def _outcome(task: Task) -> Node | Failure:
    try:
        task.hook_manager = hooks()
        return task.execute()
    except Exception as error:
        return Failure(_picklable(error), "".join(format_exception(error)))


@cache
def hooks() -> PluginManager:
    """Return the project's hooks in this process; hooks of plugins (Viz, telemetry) run in the command only."""
    manager = _create_hook_manager()
    _register_hooks(manager, settings.HOOKS)
    return manager


def _picklable(error: Exception) -> Exception:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
