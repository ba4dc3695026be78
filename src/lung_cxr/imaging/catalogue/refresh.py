"""Carrying out a refresh: reading what the plan says, by many processes, and keeping what was seen.

Files that an export no longer has stay in the ledger, and their images in the store.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed, effective_n_jobs
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.observe import LEDGER_COLUMNS, Observation, Observer, observation
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger, RefreshPlan
from lung_cxr.imaging.catalogue.search_stored import search_stored

BATCH = 512  # files: so many are read again, one by one, where one of them kills its reader
CPU_SECONDS = 300  # of one file in a worker: a decoder that does not end dies there; good files take less than two
JOURNAL_SECONDS = 5.0  # of reading: at most so much is done again after a kill


def carry_out(plan: RefreshPlan, ledger: Ledger, observer: Observer, journal: Journal, workers: int) -> pd.DataFrame:
    """Read what the plan says, in parallel, and return the new ledger.

    Args:
        plan: From `plan_refresh`.
        ledger: What earlier runs saw; not altered.
        observer: Reads one file.
        journal: Keeps what was seen until the ledger is saved.
        workers: Processes; -1: all cores; 1: this process, which a decoder that crashes takes down with it.

    Returns:
        One row per image ever seen, `LEDGER_COLUMNS`, sorted by `image_id`.
    """
    seen = _kept(plan, ledger, observer)
    everything: list[Job] = [*plan.to_read, *((image_id, None) for image_id in plan.to_search)]
    processes = _processes(workers, len(everything))
    with Progress(*_progress_columns(), disable=not everything) as progress:
        task = progress.add_task("Reading radiographs", total=len(everything))
        unsaved, saved_at = [], time.monotonic()
        for jobs in _batches(everything):
            for read in _observe_batch(jobs, ledger, observer, processes):
                seen[read.image_id] = read
                unsaved.append(read)
                progress.advance(task)
                if time.monotonic() - saved_at > JOURNAL_SECONDS:
                    journal.append(unsaved)
                    unsaved, saved_at = [], time.monotonic()
        journal.append(unsaved)
    return _as_table(seen, observer)


def read_ledger(table: pd.DataFrame | None, journal: Journal) -> Ledger:
    """Return image_id → the last observation: of the saved ledger, if there is one, and of a run that was killed."""
    rows = [] if table is None else table.to_dict("records")
    return {seen.image_id: seen for seen in [*(observation(row) for row in rows), *journal.read()]}


def _kept(plan: RefreshPlan, ledger: Ledger, observer: Observer) -> Ledger:
    """What is known without reading: of files that have not changed, are gone, or that no export names any more."""
    unread = {image_id for image_id, state in plan.states.items() if state == "unchanged"}
    unread.update(image_id for image_id, _ in plan.to_read)
    unread.update(plan.to_search)
    seen = {image_id: past if image_id in unread else observer.kept(past) for image_id, past in ledger.items()}
    return seen | {image_id: Observation(image_id, reason=reason) for image_id, reason in plan.absent.items()}


def _as_table(seen: Ledger, observer: Observer) -> pd.DataFrame:
    table = pd.DataFrame([vars(seen[image_id]) for image_id in sorted(seen)], columns=LEDGER_COLUMNS)
    return table.assign(outdated=(table["pixel_sha256"] != "") & ~table["settings"].isin(["", observer.settings]))


class ImagesPerSecond(ProgressColumn):
    """The rate of reading, once there is one."""

    def render(self, task: Task) -> Text:
        """Return it in words."""
        rate = task.finished_speed or task.speed
        return Text(f"{rate:.1f} images/s" if rate else "")


def _progress_columns() -> list[ProgressColumn]:
    said = TextColumn("[progress.description]{task.description}")
    return [said, BarColumn(), MofNCompleteColumn(), ImagesPerSecond(), TimeRemainingColumn(elapsed_when_finished=True)]


def _processes(workers: int, files: int) -> int:
    """How many to start; two at least, also on one core: a single one would be this process."""
    return 1 if workers == 1 else max(2, min(effective_n_jobs(workers), files))


def _batches(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    return (jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH))


def _observe_batch(jobs: Sequence[Job], ledger: Ledger, observer: Observer, processes: int) -> Iterator[Observation]:
    """Yield observations as they come, in any order; a file that kills its reader does not kill the run."""
    waiting = dict(jobs)
    run = (observer, os.getpid(), CPU_SECONDS)
    tasks = (delayed(_observe)(*run, image_id, path, ledger.get(image_id)) for image_id, path in jobs)
    try:
        for read in Parallel(n_jobs=processes, return_as="generator_unordered")(tasks):
            del waiting[read.image_id]
            yield read
    except BrokenProcessPool:
        yield from _observe_one_by_one(list(waiting.items()), ledger, observer)


def _observe(
    observer: Observer, run: int, cpu_seconds: float, image_id: str, path: Path | None, previous: Observation | None
) -> Observation:
    """Read one file; a worker whose run was killed ends instead of writing into the store of the next one.

    It also ends where a file takes too long: decoders cannot be interrupted otherwise. The run itself never does so.
    """
    if run == os.getpid():
        return _look(observer, image_id, path, previous)
    if run != os.getppid():
        os._exit(1)
    _end_after(cpu_seconds)
    read = _look(observer, image_id, path, previous)
    _end_after(0)
    return read


def _look(observer: Observer, image_id: str, path: Path | None, previous: Observation | None) -> Observation:
    if path is None:
        return search_stored(observer.store, previous or Observation(image_id))
    return observer.observe(image_id, path, previous)


def _end_after(cpu_seconds: float) -> None:
    """End this process when it has computed so long; 0: do not."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)


def _observe_one_by_one(jobs: Sequence[Job], ledger: Ledger, observer: Observer) -> Iterator[Observation]:
    """Read files in a single process, which is started again after each file that kills it."""
    process = _one_process()
    for image_id, path in jobs:
        try:
            task = (observer, os.getpid(), CPU_SECONDS, image_id, path, ledger.get(image_id))
            yield process.submit(_observe, *task).result()
        except BrokenProcessPool:
            yield observer.failed(image_id, "unreadable", "the reader died", ledger.get(image_id))
            process = _one_process()
    process.shutdown()


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
