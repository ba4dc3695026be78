"""Read files in processes, on this machine or a cluster: a file that crashes a decoder does not crash the run."""

import ctypes
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import ProcessedImage
from lung_cxr.imaging.catalogue.recheck_stored import search_stored
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger

# Time budget of one file: good files take less than 2 s, dense text took 45 s. It is CPU time, so that a busy machine
# rejects no file.
CPU_SECONDS = 30.0
KILL_FACTOR = 1.5  # of the time budget, after which a decoder that does not return is killed
# Options of mallopt(3) and their values: freed blocks below 32 MiB, and up to 128 MiB at the end of the heap, stay with
# the process. By default glibc returns the arrays of every image, and the next image causes thousands of page faults.
MALLOC_OPTIONS = {-3: 32 << 20, -1: 128 << 20}  # M_MMAP_THRESHOLD (its largest value), M_TRIM_THRESHOLD; bytes


def process_files(
    jobs: Sequence[Job], ledger: Ledger, processor: ImageProcessor, workers: int
) -> Iterator[ProcessedImage]:
    """Yield the row of each file as soon as it is read, in any order.

    Args:
        jobs: (image_id, path) of files; without a path, the stored image is searched for text.
        ledger: Rows of earlier runs.
        processor: Processor of one file.
        workers: Number of processes; -1: all cores; 1: this process, without protection against crashes of decoders.
            Ignored on a cluster (a joblib configuration with the backend of Dask).
    """
    if _is_on_cluster():
        yield from _process_on_cluster(jobs, ledger, processor)
    else:
        yield from _process_locally(jobs, ledger, processor, _processes(workers, len(jobs)))


def _processes(workers: int, files: int) -> int:
    """Return the number of processes; at least two, because one would be this process."""
    return 1 if workers == 1 else max(2, min(effective_n_jobs(workers), files))


def _is_on_cluster() -> bool:
    backend, _ = get_active_backend()
    return type(backend).__name__ == "DaskDistributedBackend"  # the class would need Dask, an optional package


def _process_locally(
    jobs: Sequence[Job], ledger: Ledger, processor: ImageProcessor, processes: int
) -> Iterator[ProcessedImage]:
    """Read with processes of this machine; if one dies, the file is unknown and the rest is read one by one."""
    waiting = dict(jobs)
    run = (processor, os.getpid(), CPU_SECONDS)
    tasks = (delayed(_process)(*run, image_id, path, ledger.get(image_id)) for image_id, path in jobs)
    try:
        for read in Parallel(n_jobs=processes, return_as="generator_unordered")(tasks):
            del waiting[read.image_id]
            yield read
    except BrokenProcessPool:
        reader = Reader()
        yield from (reader.process(processor, *job, ledger.get(job[0])) for job in waiting.items())


def _process_on_cluster(jobs: Sequence[Job], ledger: Ledger, processor: ImageProcessor) -> Iterator[ProcessedImage]:
    tasks = (
        delayed(_process_beside_worker)(processor, image_id, path, ledger.get(image_id)) for image_id, path in jobs
    )
    yield from Parallel(return_as="generator_unordered")(tasks)


_of_thread = threading.local()


def _process_beside_worker(
    processor: ImageProcessor, image_id: str, path: Path | None, previous: ProcessedImage | None
) -> ProcessedImage:
    """Read one file on a worker of a cluster, in the reader process of this thread."""
    if not hasattr(_of_thread, "reader"):
        _of_thread.reader = Reader()
    return _of_thread.reader.process(processor, image_id, path, previous)


class Reader:
    """A process that reads one file after another, and is restarted if a file crashes it.

    It shares nothing with `runners.node_process`, which runs one call per process to release the memory of a device.
    """

    def __init__(self) -> None:
        self._pool = _new_pool()

    def process(
        self, processor: ImageProcessor, image_id: str, path: Path | None, previous: ProcessedImage | None
    ) -> ProcessedImage:
        """Return the row of a file; a file that crashes the process is unreadable, or too slow."""
        start = time.monotonic()
        try:
            return self._pool.submit(_process, processor, os.getpid(), CPU_SECONDS, image_id, path, previous).result()
        except BrokenProcessPool:
            self._pool = _new_pool()
            if path is not None and time.monotonic() - start > KILL_FACTOR * CPU_SECONDS:
                return processor.timed_out(image_id, path, CPU_SECONDS)
            return processor.failed(image_id, "unreadable", "the reader died", previous)


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _process(
    processor: ImageProcessor,
    run: int,
    cpu_seconds: float,
    image_id: str,
    path: Path | None,
    previous: ProcessedImage | None,
) -> ProcessedImage:
    """Read one file within its time budget.

    A worker whose run was killed exits, so that it does not write into the store of the next run. The run itself has no
    time budget.
    """
    if run == os.getpid():
        return _process_or_recheck(processor, image_id, path, previous)
    if run != os.getppid():
        os._exit(1)
    keep_freed_memory()
    try:
        with _time_budget(cpu_seconds):
            return _process_or_recheck(processor, image_id, path, previous)
    except TimeBudgetExceeded:
        if path is None:
            return processor.failed(image_id, "too_slow", f"more than {cpu_seconds:g} s", previous)
        return processor.timed_out(image_id, path, cpu_seconds)


@cache
def keep_freed_memory() -> None:
    """Let this process keep the memory of one image for the next one, if its C library is glibc."""
    if platform.libc_ver()[0] == "glibc":
        for option, value in MALLOC_OPTIONS.items():
            ctypes.CDLL(None).mallopt(option, value)


def _process_or_recheck(
    processor: ImageProcessor, image_id: str, path: Path | None, previous: ProcessedImage | None
) -> ProcessedImage:
    if path is None:
        return search_stored(processor.store, previous or ProcessedImage(image_id), processor.hashes)
    return processor.process(image_id, path, previous)


class TimeBudgetExceeded(BaseException):
    """Reading a file takes too long."""


@contextmanager
def _time_budget(cpu_seconds: float) -> Iterator[None]:
    """Raise TimeBudgetExceeded after so many seconds of CPU time; kill the process if a decoder does not return then.

    Args:
        cpu_seconds: CPU time of this process, so that a busy machine rejects no file.
    """
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    signal.signal(signal.SIGPROF, _exceed)
    signal.setitimer(signal.ITIMER_VIRTUAL, KILL_FACTOR * cpu_seconds)  # SIGVTALRM is not handled
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _exceed(*_: Any) -> None:
    raise TimeBudgetExceeded
