"""Executor for Kedro's tasks: sends each node to the cluster."""

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

CANCEL_TIMEOUT = 10.0  # seconds in which the scheduler must have dropped a cancelled node


class ClusterExecutor(Executor):
    """Runs Kedro's tasks on a cluster: a node whose worker is lost runs again on another.

    Args:
        client: Client of the cluster.
        package: Name of the project's package.
        resources_of_gpu_nodes: Dask resources that nodes tagged `gpu` require; may be empty.
    """

    def __init__(self, client: Client, package: str, resources_of_gpu_nodes: dict[str, float]):
        self._client = client
        self._package = package
        self._resources_of_gpu_nodes = resources_of_gpu_nodes
        self._sent: dict[str, tuple[Sent, Future]] = {}

    def submit(self, task: Task, /, *args: Any, **kwargs: Any) -> Future:  # type: ignore[override]  # noqa: ARG002
        """Send one node and the catalogue to a worker, which calls the hooks; return a future of the node."""
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
        sent.add_done_callback(lambda done: _forward_outcome(node.name, done, answer))
        self._sent[key] = sent, answer
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """After a failure, start no more nodes and wait for running ones; after Ctrl-C, stop running ones too."""
        if kind is None:
            return
        running = self._running()
        self._client.cancel([sent for key, (sent, _) in self._sent.items() if key not in running])
        if issubclass(kind, Exception):
            self._wait_for(running)
        else:
            self._stop(running)

    def _running(self) -> dict[str, str]:
        """Return key → worker of the nodes that are running now."""
        unanswered = [key for key, (_, answer) in self._sent.items() if not answer.done()]
        stacks = self._client.call_stack(keys=unanswered) if unanswered else {}
        return {key: worker for worker, of_worker in stacks.items() for key in of_worker}

    def _wait_for(self, running: dict[str, str]) -> None:
        if running:
            log.warning("Waiting for %d running nodes; starting no more", len(running))
            wait([self._sent[key][1] for key in running])

    def _stop(self, running: dict[str, str]) -> None:
        """Restart the workers of running nodes, because a thread of a worker cannot be interrupted.

        Otherwise a training would continue beside the one that the next command starts. A training treats the loss of
        its worker like SIGTERM and ends with a checkpoint.
        """
        if running:
            log.warning("Stopping %d nodes; trainings save a checkpoint", len(running))
            self._client.cancel([self._sent[key][0] for key in running])
            self._wait_until_cancelled(set(running))  # otherwise the scheduler sends them to other workers
            self._client.restart_workers(sorted(set(running.values())), raise_for_error=False)

    def _wait_until_cancelled(self, keys: set[str]) -> None:
        """Wait until the scheduler has carried out the cancellation."""
        deadline = time.monotonic() + CANCEL_TIMEOUT
        while keys & set(chain.from_iterable(self._client.processing().values())) and time.monotonic() < deadline:
            time.sleep(0.05)


def _forward_outcome(name: str, done: Sent, answer: Future) -> None:
    """Set the outcome of a node as the result of Kedro's future; log the name of a failed node."""
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
