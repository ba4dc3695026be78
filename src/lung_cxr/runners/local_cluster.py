"""A Dask cluster on this machine, for the length of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from distributed import Nanny, Scheduler, SpecCluster


@contextmanager
def local_cluster(workers: int | None, gpus: int) -> Iterator[str]:
    """Have a scheduler and workers of one thread each, some of which declare a GPU; give the scheduler's address.

    Workers are processes that may have children (see `ProjectOnWorker`), and Dask does not end them when memory runs
    short: it counts memory-mapped pixels as theirs. They share the cores: by Dask's default, TensorFlow and numpy would
    compute on one each, whatever there is.

    Args:
        workers: How many; none: one for each core.
        gpus: How many of them declare the resource `GPU`: 1.

    Raises:
        ValueError: Fewer workers than GPUs, or none.
    """
    number = os.cpu_count() or 1 if workers is None else workers
    if not 0 <= gpus <= number or number < 1:
        raise ValueError(f"Found {number} workers and {gpus} GPUs, expected at least one worker for each GPU, and one")
    threads = max(1, (os.cpu_count() or 1) // number)
    options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "env": {"OMP_NUM_THREADS": str(threads)}}
    here = {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.worker.daemon": False}),  # also for those that are started anew
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
