"""Carry out a refresh: read the planned files in parallel and return the new ledger.

A file that left its export keeps its row in the ledger and its image in the store.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import chain

import pandas as pd

from lung_cxr.imaging.catalogue.journal import Journal
from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import LEDGER_COLUMNS, ProcessedImage
from lung_cxr.imaging.catalogue.reader_processes import process_files
from lung_cxr.imaging.catalogue.refresh_plan import Job, Ledger, RefreshPlan
from lung_cxr.imaging.deidentify.keyed_hashes import KeyedHashes
from lung_cxr.progress import follow

BATCH = 512  # files; if one file kills its reader process, the files of its batch are read again one by one
JOURNAL_SECONDS = 5.0  # of reading: a kill loses at most this much work


def carry_out(
    plan: RefreshPlan, ledger: Ledger, processor: ImageProcessor, journal: Journal, workers: int
) -> pd.DataFrame:
    """Read the planned files in parallel and return the new ledger.

    Args:
        plan: Result of `plan_refresh`.
        ledger: Rows of earlier runs, by image_id; not altered.
        processor: Reads and stores one file.
        journal: Holds the new rows until the ledger is saved.
        workers: Number of processes; -1: all cores; 1: this process, which ends if a decoder crashes.

    Returns:
        One row per image ever seen, `LEDGER_COLUMNS`, sorted by `image_id`.
    """
    images = _kept(plan, ledger, processor)
    everything: list[Job] = [*plan.to_read, *((image_id, None) for image_id in plan.to_search)]
    batches = (process_files(jobs, ledger, processor, workers) for jobs in _batches(everything))
    unsaved, saved_at = [], time.monotonic()
    for read in follow(chain.from_iterable(batches), "Reading images", len(everything)):
        images[read.image_id] = read
        unsaved.append(read._asdict())
        if time.monotonic() - saved_at > JOURNAL_SECONDS:
            journal.append(unsaved)
            unsaved, saved_at = [], time.monotonic()
    journal.append(unsaved)
    return _as_table(images, processor)


def read_ledger(table: pd.DataFrame | None, journal: Journal, hashes: KeyedHashes) -> Ledger:
    """Return image_id → its newest row, from the saved ledger (None: there is none) and from a killed run's journal."""
    stored = iter(()) if table is None else _stored_rows(table, hashes)
    added = (ProcessedImage.from_row(row, hashes) for row in journal.read())
    return {image.image_id: image for image in chain(stored, added)}


def _stored_rows(table: pd.DataFrame, hashes: KeyedHashes) -> Iterator[ProcessedImage]:
    """Yield the rows of a table one by one: a list of all as dicts takes hundreds of megabytes."""
    names = list(table)
    columns = zip(*(table[name].tolist() for name in names), strict=True)
    if names == LEDGER_COLUMNS:  # of this version
        return map(ProcessedImage._make, columns)
    return (ProcessedImage.from_row(dict(zip(names, values, strict=True)), hashes) for values in columns)


def _kept(plan: RefreshPlan, ledger: Ledger, processor: ImageProcessor) -> Ledger:
    """Return the rows that need no reading: of files that are unchanged, vanished, or no longer in any export."""
    unread = {image_id for image_id, state in plan.states.items() if state == "unchanged"}
    unread.update(image_id for image_id, _ in plan.to_read)
    unread.update(plan.to_search)
    known = {image_id: past if image_id in unread else processor.kept(past) for image_id, past in ledger.items()}
    return known | {image_id: ProcessedImage(image_id, reason=reason) for image_id, reason in plan.absent.items()}


def _as_table(images: Ledger, processor: ImageProcessor) -> pd.DataFrame:
    table = pd.DataFrame([images[image_id] for image_id in sorted(images)], columns=LEDGER_COLUMNS)
    settings = pd.Series(processor.settings, table.index, dtype="str")
    kept = table["image_id"].isin(processor.pixels_kept)
    settings[kept] = [processor.settings_of(image_id) for image_id in table.loc[kept, "image_id"]]
    is_other = (table["settings"] != "") & (table["settings"] != settings)
    return table.assign(outdated=(table["pixel_sha256"] != "") & is_other)


def _batches(jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
    return (jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH))
