"""Processes that read files, here or on a cluster: a file that kills its reader does not kill the run."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from lung_cxr.imaging.catalogue.process_image import ImageProcessor, ProcessedImage
from lung_cxr.imaging.catalogue.recheck_stored import search_stored
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger

CPU_SECONDS = 300  # of one file in a reader: a decoder that does not end dies there; good files take less than two


def process_files(
    jobs: Sequence[Job], ledger: Ledger, processor: ImageProcessor, workers: int
) -> Iterator[ProcessedImage]:
    """Yield what is seen in each file as it comes, in any order.

    Args:
        jobs: (image_id, path) of files; without a path, the stored image is searched again.
        ledger: What earlier runs saw.
        processor: Reads one file.
        workers: Processes; -1: all cores; 1: this process, which a decoder that crashes takes down with it. On a
            cluster (a joblib configuration with the backend of Dask) its workers decide.
    """
    if _is_on_cluster():
        yield from _process_on_cluster(jobs, ledger, processor)
    else:
        yield from _process_locally(jobs, ledger, processor, _processes(workers, len(jobs)))


def _processes(workers: int, files: int) -> int:
    """How many to start; two at least, also on one core: a single one would be this process."""
    return 1 if workers == 1 else max(2, min(effective_n_jobs(workers), files))


def _is_on_cluster() -> bool:
    backend, _ = get_active_backend()
    return type(backend).__name__ == "DaskDistributedBackend"  # importing it would import Dask, which need not be here


def _process_locally(
    jobs: Sequence[Job], ledger: Ledger, processor: ImageProcessor, processes: int
) -> Iterator[ProcessedImage]:
    """Read by processes of this machine; where one dies, nobody knows of which file: the rest goes one by one."""
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
    """Read one file on a worker of a cluster, by the reader of this thread."""
    if not hasattr(_of_thread, "reader"):
        _of_thread.reader = Reader()
    return _of_thread.reader.process(processor, image_id, path, previous)


class Reader:
    """One process that reads file after file, and is started again after each that kills it."""

    def __init__(self) -> None:
        self._process = _new_process()

    def process(
        self, processor: ImageProcessor, image_id: str, path: Path | None, previous: ProcessedImage | None
    ) -> ProcessedImage:
        """Return what is seen in a file; one that kills its reader is unreadable."""
        try:
            return self._process.submit(
                _process, processor, os.getpid(), CPU_SECONDS, image_id, path, previous
            ).result()
        except BrokenProcessPool:
            self._process = _new_process()
            return processor.failed(image_id, "unreadable", "the reader died", previous)


def _new_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _process(
    processor: ImageProcessor,
    run: int,
    cpu_seconds: float,
    image_id: str,
    path: Path | None,
    previous: ProcessedImage | None,
) -> ProcessedImage:
    """Read one file; a worker whose run was killed ends instead of writing into the store of the next one.

    It also ends where a file takes too long: decoders cannot be interrupted otherwise. The run itself never does so.
    """
    if run == os.getpid():
        return _process_or_recheck(processor, image_id, path, previous)
    if run != os.getppid():
        os._exit(1)
    _end_after(cpu_seconds)
    read = _process_or_recheck(processor, image_id, path, previous)
    _end_after(0)
    return read


def _process_or_recheck(
    processor: ImageProcessor, image_id: str, path: Path | None, previous: ProcessedImage | None
) -> ProcessedImage:
    if path is None:
        return search_stored(processor.store, previous or ProcessedImage(image_id), processor.hashes)
    return processor.process(image_id, path, previous)


def _end_after(cpu_seconds: float) -> None:
    """End this process when it has computed so long; 0: do not."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
