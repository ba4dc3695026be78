"""A Dask cluster on this machine that lives as long as one run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Nanny, Scheduler, SpecCluster


@contextmanager
def local_cluster(workers: int | None, gpus: int) -> Iterator[str]:
    """Start a scheduler and workers of one thread each, some of which declare a GPU; yield the scheduler's address.

    Workers are processes that may start child processes (see `ProjectOnWorker`). Dask's memory limit is off, because it
    counts memory-mapped pixels. The workers share the cores equally: by Dask's default, TensorFlow and numpy would use
    one core each.

    Args:
        workers: Number of workers; None: one per core.
        gpus: Number of workers that declare the resource `GPU: 1`.

    Raises:
        ValueError: There are fewer workers than GPUs, or no worker.
    """
    number = os.cpu_count() or 1 if workers is None else workers
    if not 0 <= gpus <= number or number < 1:
        raise ValueError(f"Found {number} workers and {gpus} GPUs, expected at least one worker, and one for each GPU")
    threads = max(1, (os.cpu_count() or 1) // number)
    options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "env": {"OMP_NUM_THREADS": str(threads)}}
    here = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.worker.daemon": False}),  # also for restarted workers
        SpecCluster(
            scheduler={"cls": Scheduler, "options": here},
            workers={
                index: {"cls": Nanny, "options": {**options, "resources": {"GPU": 1} if index < gpus else {}}}
                for index in range(number)
            },
            name="lung_cxr",
        ) as cluster,
    ):
        yield cluster.scheduler_address
