"""Which files must be read, and reading them: only what is new or changed since the ledger was written (DESIGN §1).

The ledger (`source_files`) holds size, time and settings of every file, and what was seen in it. A file that has not
changed is not opened. Files that an export no longer has stay in the ledger, and their images in the store.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from lung_cxr.imaging.journal import Journal
from lung_cxr.imaging.observe import ABSENT, LEDGER_COLUMNS, Observation, Observer

SERIAL_BELOW = 64  # files: starting processes takes longer than reading these
BATCH = 512  # files: at most so many are read again after a kill

Ledger = dict[str, Observation]
Job = tuple[str, Path]


@dataclass
class RefreshPlan:
    """What to do about each record.

    Attributes:
        to_read: (image_id, file) of new and changed files.
        new: How many of them were never seen.
        absent: Images without a file, now or ever → the reason.
        vanished: Images whose file was there in an earlier run.
        unchanged: Images whose file need not be opened.
    """

    to_read: list[Job] = field(default_factory=list)
    new: int = 0
    absent: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    unchanged: int = 0

    def counts(self) -> dict[str, int]:
        """Numbers of files, for the summary."""
        return {
            "new": self.new,
            "changed": len(self.to_read) - self.new,
            "unchanged": self.unchanged,
            "absent": len(self.absent),
            "vanished": len(self.vanished),
        }

    def in_words(self) -> str:
        """What will be done, for the log."""
        files = len(self.to_read) + self.unchanged
        gone = f"; {len(self.vanished)} are gone, their images stay" if self.vanished else ""
        if not self.to_read:
            return f"Nothing new: 0 of {files} files read{gone}"
        changed = len(self.to_read) - self.new
        return f"{len(self.to_read)} of {files} files to read: {self.new} new, {changed} changed{gone}"


def plan_refresh(files: Mapping[str, Path | None], ledger: Ledger, observer: Observer) -> RefreshPlan:
    """Decide which files to read, looking at sizes and times only.

    Args:
        files: image_id → its file, which need not exist; None where its path leads out of the export.
        ledger: image_id → what an earlier run saw.
        observer: Knows the present settings and what is in the store.
    """
    plan = RefreshPlan()
    for image_id, path in files.items():
        previous = ledger.get(image_id)
        status = _status(path)
        if path is None:
            plan.absent[image_id] = "path_outside_export"
        elif status is None and previous is not None and previous.size_bytes != ABSENT:
            plan.vanished.append(image_id)
        elif status is None:
            plan.absent[image_id] = "missing_file"
        elif previous is not None and _is_unchanged(previous, status) and observer.is_current(previous):
            plan.unchanged += 1
        else:
            plan.new += previous is None or previous.size_bytes == ABSENT
            plan.to_read.append((image_id, path))
    return plan


def carry_out(plan: RefreshPlan, ledger: Ledger, observer: Observer, journal: Journal, workers: int) -> pd.DataFrame:
    """Read what the plan says, in parallel, and return the new ledger.

    Args:
        plan: From `plan_refresh`.
        ledger: What earlier runs saw; not altered.
        observer: Reads one file.
        journal: Keeps what was seen until the ledger is saved.
        workers: Processes; -1: all cores.

    Returns:
        One row per image ever seen, `LEDGER_COLUMNS`, sorted by `image_id`.
    """
    seen = ledger | {image_id: Observation(image_id, reason=reason) for image_id, reason in plan.absent.items()}
    with Progress(*_progress_columns(), disable=not plan.to_read) as progress:
        task = progress.add_task("Reading radiographs", total=len(plan.to_read))
        for jobs in _batches(plan.to_read):
            batch = []
            for observation in _observe_batch(jobs, ledger, observer, workers):
                batch.append(observation)
                progress.advance(task)
            journal.append(batch)
            seen |= {observation.image_id: observation for observation in batch}
    return pd.DataFrame([asdict(seen[image_id]) for image_id in sorted(seen)], columns=LEDGER_COLUMNS)


def read_ledger(table: pd.DataFrame | None, journal: Journal) -> Ledger:
    """Return image_id → the last observation: of the saved ledger, if there is one, and of a run that was killed."""
    rows = [] if table is None else table.to_dict("records")  # a column that an older version lacked: its default
    observations = [*(Observation(**row) for row in rows), *journal.read()]
    return {observation.image_id: observation for observation in observations}


class ImagesPerSecond(ProgressColumn):
    """The rate of reading, once there is one."""

    def render(self, task: Task) -> Text:
        """Return it in words."""
        rate = task.finished_speed or task.speed
        return Text(f"{rate:.1f} images/s" if rate else "")


def _progress_columns() -> list[ProgressColumn]:
    said = TextColumn("[progress.description]{task.description}")
    return [said, BarColumn(), MofNCompleteColumn(), ImagesPerSecond(), TimeRemainingColumn(elapsed_when_finished=True)]


def _batches(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    return (jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH))


def _status(path: Path | None) -> os.stat_result | None:
    try:
        return None if path is None else path.stat()
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None


def _is_unchanged(previous: Observation, status: os.stat_result) -> bool:
    return (previous.size_bytes, previous.modified_ns) == (status.st_size, status.st_mtime_ns)


def _observe_batch(jobs: Sequence[Job], ledger: Ledger, observer: Observer, workers: int) -> Iterator[Observation]:
    """Yield observations as they come, in any order; a file that kills its reader does not kill the run."""
    waiting = dict(jobs)
    processes = 1 if len(jobs) < SERIAL_BELOW else workers
    tasks = (delayed(observer.observe)(image_id, path, ledger.get(image_id)) for image_id, path in jobs)
    try:
        for observation in Parallel(n_jobs=processes, return_as="generator_unordered")(tasks):
            del waiting[observation.image_id]
            yield observation
    except BrokenProcessPool:
        yield from _observe_one_by_one(list(waiting.items()), ledger, observer)


def _observe_one_by_one(jobs: Sequence[Job], ledger: Ledger, observer: Observer) -> Iterator[Observation]:
    """Read files in a single process, which is started again after each file that kills it."""
    process = _one_process()
    for image_id, path in jobs:
        try:
            yield process.submit(observer.observe, image_id, path, ledger.get(image_id)).result()
        except BrokenProcessPool:
            yield observer.failed(image_id, "unreadable", "the reader died", ledger.get(image_id))
            process = _one_process()
    process.shutdown()


def _one_process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
