"""Which files must be read: only what is new or changed since the ledger was written (DESIGN §1).

The ledger (`source_files`) holds size, time and settings of every file, and what was seen in it. A file that has not
changed is not opened.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lung_cxr.imaging.catalogue.process_image import ABSENT, ImageProcessor, ProcessedImage
from lung_cxr.imaging.catalogue.recheck_stored import must_be_searched

Ledger = dict[str, ProcessedImage]
Job = tuple[str, Path | None]  # image_id and its file; None: the stored image is looked at
State = Literal["new", "changed", "remade", "compared", "unchanged", "absent", "vanished"]


@dataclass
class RefreshPlan:
    """What to do about each record.

    Attributes:
        states: image_id → `new`: never seen; `changed`: another size or time; `remade`: the same file, read again since
            the settings changed, its image is not whole or the last run could not judge it; `compared`: the same size
            and time, but these are not trusted; `unchanged`: not opened; `absent`: no file, now or ever; `vanished`: it
            was there in an earlier run, and is not, or lies behind a link out of the export.
        to_read: (image_id, file) of the first four.
        to_search: Images whose files are gone, stored when nobody looked for text, to be looked at in the store.
        absent: Images without a file → the reason.
    """

    states: dict[str, State] = field(default_factory=dict)
    to_read: list[Job] = field(default_factory=list)
    to_search: list[str] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def number(self, *states: State) -> int:
        """How many images are in one of these states."""
        return sum(state in states for state in self.states.values())

    def in_words(self) -> str:
        """What will be done, for the log."""
        files = len(self.to_read) + self.number("unchanged")
        vanished = self.number("vanished")
        gone = f"; {vanished} are gone, their images stay" if vanished else ""
        gone += f"; {len(self.to_search)} stored images without a file to search for text" if self.to_search else ""
        if not self.to_read:
            return f"Nothing new: 0 of {files} files read{gone}"
        parts = [f"{self.number('new')} new", f"{self.number('changed')} changed"]
        parts += [f"{n} to make again" for n in [self.number("remade")] if n]
        parts += [f"{n} to compare" for n in [self.number("compared")] if n]
        return f"{len(self.to_read)} of {files} files to read: {', '.join(parts)}{gone}"


def plan_refresh(
    files: Mapping[str, Path | None], ledger: Ledger, processor: ImageProcessor, trust_timestamps: bool
) -> RefreshPlan:
    """Decide which files to read, looking at sizes and times only.

    Args:
        files: image_id → its file, which need not exist; None where its path leads out of the export.
        ledger: image_id → what an earlier run saw.
        processor: Knows the present settings and what is in the store.
        trust_timestamps: Whether a file of the same size and time is the same; else its bytes are compared.
    """
    plan = RefreshPlan()
    unchanged: State = "unchanged" if trust_timestamps else "compared"
    for image_id, path in files.items():
        previous, status = ledger.get(image_id), _status(path)
        if status is None and (previous is None or previous.size_bytes == ABSENT):
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
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return None


def _state(
    previous: ProcessedImage | None, status: os.stat_result | None, processor: ImageProcessor, unchanged: State
) -> State:
    if status is None:
        return "vanished"
    if previous is None or previous.size_bytes == ABSENT:
        return "new"
    if (previous.size_bytes, previous.modified_ns) != (status.st_size, status.st_mtime_ns):
        return "changed"
    return unchanged if processor.is_current(previous) else "remade"
