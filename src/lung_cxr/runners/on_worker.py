"""What a worker of the cluster does: it becomes a process of the project, then runs nodes."""

import logging
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
from kedro.logging import RichHandler
from kedro.pipeline.node import Node
from kedro.runner.task import Task
from pluggy import PluginManager

from lung_cxr.runners.node_process import in_own_process

log = logging.getLogger(__name__)

GPU = "gpu"
"""Tag of the nodes that train or predict on images."""


class ProjectOnWorker(WorkerPlugin):
    """Makes a process that joins the cluster one of the project: its settings, hooks and logging.

    Args:
        package: Name of the project's package.
    """

    name = "lung_cxr"

    def __init__(self, package: str):
        self._package = package

    def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Configure the project; its log goes to who gave the command.

        Raises:
            RuntimeError: The worker may not start processes; how to let it.
        """
        if current_process().daemon:
            raise RuntimeError(
                "Found a worker that may start no processes; expected one that can train and read files in processes "
                "beside it, so that a crash there is not its own: start workers with "
                "DASK_DISTRIBUTED__WORKER__DAEMON=False"
            )
        become_project(self._package)


def become_project(package: str) -> None:
    """Configure the project in this process; who gave the command has its log, and progress bars are drawn nowhere."""
    handlers = logging.getLogger().handlers
    configure_project(package)
    logging.getLogger().handlers = [kept for kept in handlers if not isinstance(kept, RichHandler)]
    logging.getLogger(package).setLevel(logging.INFO)
    rich.reconfigure(quiet=True)


@dataclass(frozen=True)
class Failure:
    """What a node raised, to be raised again where the command was given.

    Attributes:
        error: Without its traceback, which belongs to another process.
        traceback: As text.
    """

    error: Exception
    traceback: str


class WorkerTraceback(Exception):  # noqa: N818  shown as the cause of the error; never raised
    """Where on the worker it happened."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def run_node(task: Task, package: str) -> Node | Failure:
    """Run one node on this worker, or on a GPU in a process beside it; what it hands to joblib runs on all workers.

    A failure is an answer: an exception that distributed 2026.8 could not unpack left the client waiting for ever.
    """
    name = task.node.name
    log.info("%s on worker %s", name, get_worker().name)
    if GPU not in task.node.tags:
        with joblib.parallel_config(backend="dask"):
            return _outcome(task)
    try:
        return in_own_process(_run_alone, task, package, name=name)
    except RuntimeError as error:
        return Failure(error, "".join(format_exception(error)))


def _run_alone(task: Task, package: str) -> Node | Failure:
    become_project(package)
    return _outcome(task)


def _outcome(task: Task) -> Node | Failure:
    try:
        task.hook_manager = hooks()
        return task.execute()
    except Exception as error:
        return Failure(_that_travels(error), "".join(format_exception(error)))


@cache
def hooks() -> PluginManager:
    """Return the project's hooks, those of this process. Plugins' (Viz, telemetry) stay with the command."""
    manager = _create_hook_manager()
    _register_hooks(manager, settings.HOOKS)
    return manager


def _that_travels(error: Exception) -> Exception:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
