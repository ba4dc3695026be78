"""What Kedro hands its tasks to: an executor that sends them to the cluster."""

import logging
import time
from concurrent.futures import Executor, Future, wait
from itertools import chain
from types import TracebackType
from typing import Any
from uuid import uuid4

from distributed import Client
from distributed import Future as Sent
from kedro.runner.task import Task

from lung_cxr.runners.on_worker import GPU, Failure, WorkerTraceback, run_node

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds until the scheduler has forgotten a node


class ClusterExecutor(Executor):
    """Runs Kedro's tasks on a cluster: a node whose worker is lost runs again on another.

    Args:
        client: Of the cluster.
        package: Name of the project's package.
        resources_of_gpu_nodes: What nodes tagged `gpu` ask a worker for; empty: nothing.
    """

    def __init__(self, client: Client, package: str, resources_of_gpu_nodes: dict[str, float]):
        self._client = client
        self._package = package
        self._resources_of_gpu_nodes = resources_of_gpu_nodes
        self._sent: dict[str, tuple[Sent, Future]] = {}

    def submit(self, task: Task, /, *args: Any, **kwargs: Any) -> Future:  # type: ignore[override]  # noqa: ARG002
        """Send one node and the catalogue to a worker, whose hooks are called; the answer is the node."""
        node = task.node
        key = f"{node.name}-{uuid4().hex}"
        sent = self._client.submit(
            run_node,
            Task(node=node, catalog=task.catalog, is_async=task.is_async, run_id=task.run_id),
            self._package,
            key=key,
            pure=False,
            resources=self._resources_of_gpu_nodes if GPU in node.tags else None,
        )
        answer: Future = Future()
        sent.add_done_callback(lambda done: _pass_on(node.name, done, answer))
        self._sent[key] = sent, answer
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """After a node's failure start no other and let those that run end; after Ctrl-C stop them, too."""
        if kind is None:
            return
        running = self._running()
        self._client.cancel([sent for key, (sent, _) in self._sent.items() if key not in running])
        if issubclass(kind, Exception):
            self._let_end(running)
        else:
            self._stop(running)

    def _running(self) -> dict[str, str]:
        """Return key → worker of the nodes that are being run at this moment."""
        unanswered = [key for key, (_, answer) in self._sent.items() if not answer.done()]
        stacks = self._client.call_stack(keys=unanswered) if unanswered else {}
        return {key: worker for worker, of_worker in stacks.items() for key in of_worker}

    def _let_end(self, running: dict[str, str]) -> None:
        if running:
            log.warning("%d other nodes still run; they may end, no other begins", len(running))
            wait([self._sent[key][1] for key in running])

    def _stop(self, running: dict[str, str]) -> None:
        """Nobody can interrupt a thread of a worker: the process goes, and its nanny starts another.

        Left alone, a training would go on without us, beside the one that the next command begins. It takes the loss of
        its worker as SIGTERM, and ends with a checkpoint.
        """
        if running:
            log.warning("Stopping %d nodes; trainings leave a checkpoint", len(running))
            self._client.cancel([self._sent[key][0] for key in running])
            self._wait_until_forgotten(set(running))  # or the scheduler would give them to other workers
            self._client.restart_workers(sorted(set(running.values())), raise_for_error=False)

    def _wait_until_forgotten(self, keys: set[str]) -> None:
        """Wait until the scheduler has done what `cancel` only asks for."""
        deadline = time.monotonic() + PATIENCE
        while keys & set(chain.from_iterable(self._client.processing().values())) and time.monotonic() < deadline:
            time.sleep(0.05)


def _pass_on(name: str, done: Sent, answer: Future) -> None:
    """Give Kedro the cluster's answer; a failed node is named."""
    if done.status == "cancelled":
        answer.cancel()
        answer.set_running_or_notify_cancel()
        return
    outcome = done.exception() or done.result()
    if isinstance(outcome, Failure):
        outcome.error.__cause__ = WorkerTraceback(outcome.traceback)
        outcome = outcome.error
    if isinstance(outcome, BaseException):
        log.error("Node %s failed", name)
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
