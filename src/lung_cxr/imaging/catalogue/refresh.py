"""Carrying out a refresh: reading what the plan says, by many processes, and keeping what was seen.

Files that an export no longer has stay in the ledger, and their images in the store.
"""

import logging
import time
from collections.abc import Iterator, Sequence

import pandas as pd
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import LEDGER_COLUMNS, ImageProcessor, ProcessedImage
from lung_cxr.imaging.catalogue.reader_processes import process_files
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger, RefreshPlan

log = logging.getLogger(__name__)

BATCH = 512  # files: so many are read again, one by one, where one of them kills its reader
JOURNAL_SECONDS = 5.0  # of reading: at most so much is done again after a kill


def carry_out(
    plan: RefreshPlan, ledger: Ledger, processor: ImageProcessor, journal: Journal, workers: int
) -> pd.DataFrame:
    """Read what the plan says, in parallel, and return the new ledger.

    Args:
        plan: From `plan_refresh`.
        ledger: What earlier runs saw; not altered.
        processor: Reads one file.
        journal: Keeps what was seen until the ledger is saved.
        workers: Processes; -1: all cores; 1: this process, which a decoder that crashes takes down with it.

    Returns:
        One row per image ever seen, `LEDGER_COLUMNS`, sorted by `image_id`.
    """
    seen = _kept(plan, ledger, processor)
    everything: list[Job] = [*plan.to_read, *((image_id, None) for image_id in plan.to_search)]
    with Progress(*_progress_columns(), disable=not everything) as progress:
        task = progress.add_task("Reading radiographs", total=len(everything))
        unsaved, saved_at = [], time.monotonic()
        for jobs in _batches(everything):
            for read in process_files(jobs, ledger, processor, workers):
                seen[read.image_id] = read
                unsaved.append(read)
                progress.advance(task)
                if time.monotonic() - saved_at > JOURNAL_SECONDS:
                    journal.append(unsaved)
                    unsaved, saved_at = [], time.monotonic()
            if progress.console.quiet:  # no bar on a cluster's worker
                log.info("Read %.0f of %d radiographs", progress.tasks[task].completed, len(everything))
        journal.append(unsaved)
    return _as_table(seen, processor)


def read_ledger(table: pd.DataFrame | None, journal: Journal) -> Ledger:
    """Return image_id → the last observation: of the saved ledger, if there is one, and of a run that was killed."""
    rows = [] if table is None else table.to_dict("records")
    return {seen.image_id: seen for seen in [*(ProcessedImage.from_row(row) for row in rows), *journal.read()]}


def _kept(plan: RefreshPlan, ledger: Ledger, processor: ImageProcessor) -> Ledger:
    """What is known without reading: of files that have not changed, are gone, or that no export names any more."""
    unread = {image_id for image_id, state in plan.states.items() if state == "unchanged"}
    unread.update(image_id for image_id, _ in plan.to_read)
    unread.update(plan.to_search)
    seen = {image_id: past if image_id in unread else processor.kept(past) for image_id, past in ledger.items()}
    return seen | {image_id: ProcessedImage(image_id, reason=reason) for image_id, reason in plan.absent.items()}


def _as_table(seen: Ledger, processor: ImageProcessor) -> pd.DataFrame:
    table = pd.DataFrame([vars(seen[image_id]) for image_id in sorted(seen)], columns=LEDGER_COLUMNS)
    return table.assign(outdated=(table["pixel_sha256"] != "") & ~table["settings"].isin(["", processor.settings]))


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
