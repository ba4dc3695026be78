"""Nodes of a pipeline on the workers of a Dask cluster.

    kedro run --runner lung_cxr.runners.DaskRunner --runner-params address=tcp://scheduler:8786
    kedro run --runner lung_cxr.runners.DaskRunner --runner-params workers=2,gpus=1

Kedro decides what may run, Dask where: this package only translates. Data pass from node to node through the catalogue,
never through the cluster, so every worker must see the catalogue's folders under the same path.
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

from lung_cxr.runners.executor import ClusterExecutor
from lung_cxr.runners.local_cluster import local_cluster
from lung_cxr.runners.on_worker import GPU, ProjectOnWorker

log = logging.getLogger(__name__)

Need = Literal["required", "optional"]

PATIENCE = 60.0  # seconds until the first worker must be there


class DaskRunner(AbstractRunner):
    """Runs each node on a worker of a Dask cluster.

    Nodes tagged `gpu` go to workers that declare the resource `GPU`, as many at a time as they declare, each in a
    process of its own.

    Args:
        address: Of the scheduler, `tcp://…` or `tls://…`; none: a cluster on this machine for the length of the run.
        gpu: `required`: nodes tagged `gpu` run only where a GPU is declared. `optional`: where no worker declares one,
            they run anywhere.
        workers: Processes of the cluster on this machine, by default one for each core; not with an address.
        gpus: How many of them declare a GPU each; not with an address.
        is_async: Kedro's: load and save a node's data side by side.

    Raises:
        ValueError: The parameters contradict each other.
    """

    def __init__(
        self,
        address: str | None = None,
        gpu: Need = "required",
        workers: int | None = None,
        gpus: int = 0,
        is_async: bool = False,
    ):
        super().__init__(is_async=is_async)
        if gpu not in get_args(Need):
            raise ValueError(f"Found gpu={gpu}, expected one of {', '.join(get_args(Need))}")
        if address is not None and (workers is not None or gpus):
            raise ValueError(
                f"Found an address, workers={workers} and gpus={gpus}; expected an address alone (its workers say what "
                "they have) or none (workers and gpus are then those of this machine)"
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
        """Run the pipeline once it is sure that it can be; the workers' log appears here.

        Raises:
            ValueError: A dataset between nodes is not persisted, or nodes need a GPU that no worker declares.
            TimeoutError: There is no worker.
        """
        refuse_unpersisted(pipeline, catalog)
        with ExitStack() as stack:
            address = self._address or stack.enter_context(local_cluster(self._workers, self._gpus))
            logging.getLogger("distributed").setLevel(logging.WARNING)  # not who connects to whom
            client = stack.enter_context(Client(address, name="lung_cxr", set_as_default=False))
            client.wait_for_workers(1, timeout=PATIENCE)
            client.register_plugin(ProjectOnWorker(str(PACKAGE_NAME)))
            client.forward_logging(level=logging.INFO)
            log.info("Cluster %s: %s", address, _in_words(client))
            self._executor = ClusterExecutor(client, str(PACKAGE_NAME), self._resources_of_gpu_nodes(pipeline, client))
            super()._run(pipeline, catalog, hook_manager, run_id)

    def _get_executor(self, max_workers: int) -> Executor | None:  # noqa: ARG002
        return self._executor

    def _resources_of_gpu_nodes(self, pipeline: Pipeline, client: Client) -> dict[str, float]:
        """What a node tagged `gpu` asks a worker for.

        Raises:
            ValueError: No worker declares a GPU, and the nodes need one.
        """
        if any(worker["resources"].get("GPU", 0) >= 1 for worker in _workers_of(client)):
            return {"GPU": 1}
        names = sorted(node.name for node in pipeline.nodes if GPU in node.tags)
        if names and self._gpu == "required":
            raise ValueError(
                f"{len(names)} nodes need a GPU ({names[0]}{', …' if len(names) > 1 else ''}); found "
                f"{_in_words(client)}. Start workers with `--resources GPU=1`, or give `--runner-params gpu=optional` "
                "to run them on processors"
            )
        return {}


def refuse_unpersisted(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Let nothing run whose results would stay in one worker's memory.

    Raises:
        ValueError: A node's output is no entry of the catalogue, or one that is kept in memory; with their names.
    """
    in_memory = sorted(name for name in pipeline.all_outputs() if isinstance(catalog.get(name), MemoryDataset))
    if in_memory:
        raise ValueError(
            f"{len(in_memory)} outputs of nodes are not persisted: {', '.join(in_memory)}. Workers share no memory: "
            "expected a catalogue entry with a file for each of them (conf/base/catalog_*.yml)"
        )


def _workers_of(client: Client) -> list[dict[str, Any]]:
    """Return what the scheduler knows of each worker."""
    return list(client.scheduler_info(n_workers=-1)["workers"].values())


def _in_words(client: Client) -> str:
    workers = _workers_of(client)
    gpus = sum(worker["resources"].get("GPU", 0) for worker in workers)
    return f"{len(workers)} workers on {len({worker['host'] for worker in workers})} machines, {gpus:g} GPUs declared"
