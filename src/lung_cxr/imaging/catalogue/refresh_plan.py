"""Plan a refresh: only files that are new or changed since the last ledger are read.

The ledger (`source_files`) holds one row per file: a keyed stamp of its size and time, the settings it was read
under and its measurements. An unchanged file is not opened.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lung_cxr.imaging.catalogue.process_image import ImageProcessor
from lung_cxr.imaging.catalogue.processed_image import ProcessedImage
from lung_cxr.imaging.catalogue.recheck_stored import must_be_searched

Ledger = dict[str, ProcessedImage]
Job = tuple[str, Path | None]  # image_id and its file; None: the stored image is looked at
State = Literal["new", "changed", "remade", "compared", "unchanged", "absent", "vanished"]


@dataclass
class RefreshPlan:
    """State of every image and the work to do.

    Attributes:
        states: image_id → state. `new`: never read. `changed`: size or time differ. `remade`: the same file, read again
            because the settings changed, its stored image is damaged, or the last run failed to read it. `compared`:
            the same size and time, but timestamps are not trusted. `unchanged`: not opened. `absent`: no file now or
            earlier. `vanished`: an earlier run read the file; now it is missing, or its path leaves the export.
        to_read: (image_id, file) of the images that are new, changed, remade or compared.
        to_search: Images without a file that were stored before text was searched: search the stored image.
        absent: image_id → reason, for images without a file.
    """

    states: dict[str, State] = field(default_factory=dict)
    to_read: list[Job] = field(default_factory=list)
    to_search: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def number(self, *states: State) -> int:
        """Return the number of images in these states."""
        return sum(state in states for state in self.states.values())

    def in_words(self) -> str:
        """Return the plan as one line for the log."""
        files = len(self.to_read) + self.number("unchanged")
        vanished = self.number("vanished")
        gone = f"; {vanished} files vanished, their images stay" if vanished else ""
        gone += f"; {len(self.to_search)} stored images without a file to search for text" if self.to_search else ""
        if not self.to_read:
            return f"Nothing new: 0 of {files} files to read{gone}"
        parts = [f"{self.number('new')} new", f"{self.number('changed')} changed"]
        parts += [f"{n} to make again" for n in [self.number("remade")] if n]
        parts += [f"{n} to compare" for n in [self.number("compared")] if n]
        return f"{len(self.to_read)} of {files} files to read: {', '.join(parts)}{gone}"


def plan_refresh(
    files: Mapping[str, Path | None], ledger: Ledger, processor: ImageProcessor, trust_timestamps: bool
) -> RefreshPlan:
    """Decide which files to read, from sizes and times only.

    Args:
        files: image_id → file, which need not exist; None if its path leaves the export.
        ledger: image_id → row of an earlier run.
        processor: Knows the current settings and the content of the store.
        trust_timestamps: Whether the same size and time mean the same file; if not, the bytes are compared.
    """
    plan = RefreshPlan()
    unchanged: State = "unchanged" if trust_timestamps else "compared"
    for image_id, path in files.items():
        previous, status = ledger.get(image_id), _status(path)
        if status is None and (previous is None or not previous.file_stamp):
            plan.absent[image_id] = "path_outside_export" if path is None else "missing_file"
        state = _state(previous, status, processor, unchanged) if image_id not in plan.absent else "absent"
        plan.states[image_id] = state
        if state in ("new", "changed", "remade", "compared"):
            plan.to_read.append((image_id, path))
    gone = [past for past in ledger.values() if plan.states.get(past.image_id, "vanished") == "vanished"]
    plan.to_search = [past.image_id for past in gone if must_be_searched(past, processor)]
    return plan


def _status(path: Path | None) -> os.stat_result | None:
    try:
        return None if path is None else path.stat()
    except (OSError, ValueError):  # ValueError: a NUL character in the name
        return None


def _state(
    previous: ProcessedImage | None, status: os.stat_result | None, processor: ImageProcessor, unchanged: State
) -> State:
    if status is None:
        return "vanished"
    if previous is None or not previous.file_stamp:
        return "new"
    if previous.file_stamp != processor.hashes.file_stamp(status.st_size, status.st_mtime_ns):
        return "changed"
    return unchanged if processor.is_current(previous) else "remade"
