"""A Dask cluster on this machine, for the length of a run."""

import os

import dask
from distributed import Nanny, Scheduler, SpecCluster


def local_cluster(workers: int | None, gpus: int) -> SpecCluster:
    """Start a scheduler and workers of one thread each, some of which declare a GPU; use it as a context.

    Workers are processes that may have children (each reads files in one, so that a broken file cannot end the worker),
    and Dask does not end them when memory runs short: it counts memory-mapped pixels as if they were theirs. They share
    the cores: by Dask's default, TensorFlow and numpy would compute on one each, whatever there is.

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
    with dask.config.set({"distributed.worker.daemon": False}):
        return SpecCluster(
            scheduler={
                "cls": Scheduler,
                "options": {"host": "127.0.0.1", "port": 0, "dashboard": False, "dashboard_address": "127.0.0.1:0"},
            },
            workers={
                index: {"cls": Nanny, "options": {**options, "resources": {"GPU": 1} if index < gpus else {}}}
                for index in range(number)
            },
            name="lung_cxr",
        )
