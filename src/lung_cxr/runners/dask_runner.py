"""Nodes of a pipeline on the workers of a Dask cluster.

    kedro run --runner lung_cxr.runners.DaskRunner --runner-params address=tcp://scheduler:8786
    kedro run --runner lung_cxr.runners.DaskRunner --runner-params workers=2,gpus=1

Kedro decides the order of the nodes, Dask the worker of each node. Nodes exchange data through the catalogue, never
through the cluster, so every worker must see the catalogue's folders under the same path.
"""

import logging
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any, Literal, get_args

from distributed import Client
from kedro.framework.project import PACKAGE_NAME
from kedro.io import CatalogProtocol, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import AbstractRunner
from pluggy import PluginManager

from lung_cxr.file_access import present_umask
from lung_cxr.runners.executor import ClusterExecutor
from lung_cxr.runners.local_cluster import local_cluster
from lung_cxr.runners.on_worker import GPU, ProjectOnWorker

log = logging.getLogger(__name__)

GpuPolicy = Literal["required", "optional"]

WORKER_TIMEOUT = 60.0  # seconds in which the first worker must connect


class DaskRunner(AbstractRunner):
    """Runs each node on a worker of a Dask cluster.

    Nodes tagged `gpu` go to workers that declare the resource `GPU`, as many at a time as they declare, each in a
    process of its own.

    Args:
        address: Address of the scheduler, `tcp://…` or `tls://…`; None: start a cluster on this machine for this run.
        gpu: `required`: nodes tagged `gpu` run only on workers that declare a GPU. `optional`: if no worker declares
            one, they run on any worker.
        workers: Number of worker processes on this machine, by default one per core; not with an address.
        gpus: Number of these workers that declare a GPU; not with an address.
        is_async: Load and save a node's datasets asynchronously (Kedro).

    Raises:
        ValueError: The parameters contradict each other.
    """

    def __init__(
        self,
        address: str | None = None,
        gpu: GpuPolicy = "required",
        workers: int | None = None,
        gpus: int = 0,
        is_async: bool = False,
    ):
        super().__init__(is_async=is_async)
        if gpu not in get_args(GpuPolicy):
            raise ValueError(f"Found gpu={gpu}, expected one of {', '.join(get_args(GpuPolicy))}")
        if address is not None and (workers is not None or gpus):
            raise ValueError(
                f"Found an address, workers={workers} and gpus={gpus}; expected either an address (its workers "
                "declare their resources) or workers and gpus of a cluster on this machine"
            )
        self._address, self._gpu, self._workers, self._gpus = address, gpu, workers, gpus
        self._executor: ClusterExecutor | None = None

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol,
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        """Check that the pipeline can run on this cluster, then run it; the workers' log appears here.

        Raises:
            ValueError: A dataset between nodes is not persisted, or nodes need a GPU that no worker declares.
            TimeoutError: No worker has connected.
        """
        refuse_unpersisted(pipeline, catalog)
        with ExitStack() as stack:
            address = self._address or stack.enter_context(local_cluster(self._workers, self._gpus))
            logging.getLogger("distributed").setLevel(logging.WARNING)  # hides connection messages
            client = stack.enter_context(Client(address, name="lung_cxr", set_as_default=False))
            client.wait_for_workers(1, timeout=WORKER_TIMEOUT)
            client.register_plugin(ProjectOnWorker(str(PACKAGE_NAME), present_umask()))
            client.forward_logging(level=logging.INFO)
            log.info("Cluster %s: %s", address, _describe_cluster(client))
            self._executor = ClusterExecutor(client, str(PACKAGE_NAME), self._resources_of_gpu_nodes(pipeline, client))
            super()._run(pipeline, catalog, hook_manager, run_id)

    def _get_executor(self, max_workers: int) -> Executor | None:  # noqa: ARG002
        return self._executor

    def _resources_of_gpu_nodes(self, pipeline: Pipeline, client: Client) -> dict[str, float]:
        """Return the Dask resources that nodes tagged `gpu` require.

        Raises:
            ValueError: No worker declares a GPU, and the nodes need one.
        """
        if any(worker["resources"].get("GPU", 0) >= 1 for worker in _workers_of(client)):
            return {"GPU": 1}
        names = sorted(node.name for node in pipeline.nodes if GPU in node.tags)
        if names and self._gpu == "required":
            raise ValueError(
                f"{len(names)} nodes need a GPU ({names[0]}{', …' if len(names) > 1 else ''}); found "
                f"{_describe_cluster(client)}. Start workers with `--resources GPU=1`, or give "
                "`--runner-params gpu=optional` to run them on CPUs"
            )
        return {}


def refuse_unpersisted(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse a pipeline with results that only exist in one worker's memory.

    Raises:
        ValueError: An output is missing in the catalogue or is kept in memory; names the outputs.
    """
    in_memory = sorted(name for name in pipeline.all_outputs() if isinstance(catalog.get(name), MemoryDataset))
    if in_memory:
        raise ValueError(
            f"{len(in_memory)} outputs of nodes are not persisted: {', '.join(in_memory)}. Workers share no memory: "
            "expected a catalogue entry with a file for each of them (conf/base/catalog_*.yml)"
        )


def _workers_of(client: Client) -> list[dict[str, Any]]:
    """Return the scheduler's description of each worker."""
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def _describe_cluster(client: Client) -> str:
    workers = _workers_of(client)
    gpus = sum(worker["resources"].get("GPU", 0) for worker in workers)
    return f"{len(workers)} workers on {len({worker['host'] for worker in workers})} machines, {gpus:g} GPUs declared"
