"""What a worker of the cluster does: it becomes a process of the project, then runs nodes."""

import logging
import pickle
from dataclasses import dataclass
from functools import cache
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

log = logging.getLogger(__name__)


class ProjectOnWorker(WorkerPlugin):
    """Makes a process that joins the cluster one of the project: its settings, hooks and logging.

    Args:
        package: Name of the project's package.
    """

    name = "lung_cxr"

    def __init__(self, package: str):
        self._package = package

    def setup(self, worker: Worker) -> None:  # noqa: ARG002
        """Configure the project; its log goes to who gave the command, and progress bars nowhere."""
        configure_project(self._package)
        root = logging.getLogger()
        for handler in [handler for handler in root.handlers if isinstance(handler, RichHandler)]:
            root.removeHandler(handler)
        logging.getLogger("lung_cxr").setLevel(logging.INFO)
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


def run_node(task: Task) -> Node | Failure:
    """Run one node here; what it hands to joblib runs on the whole cluster.

    A failure is an answer: distributed 2026.8 loses exceptions with long tracebacks, and the client waits for ever.
    """
    log.info("%s on worker %s", task.node.name, get_worker().name)
    try:
        task.hook_manager = hooks()
        with joblib.parallel_config(backend="dask"):
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
