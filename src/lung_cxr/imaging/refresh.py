"""Which files must be read, and reading them: only what is new or changed since the ledger was written (DESIGN §1).

The ledger (`source_files`) holds size, time and settings of every file, and what was seen in it. A file that has not
changed is not opened. Files that an export no longer has stay in the ledger, and their images in the store.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pandas as pd
from joblib import Parallel, delayed
from rich.progress import track

from lung_cxr.imaging.observe import ABSENT, NOTHING_SEEN, Observation, Observer, observe_absent

LEDGER_COLUMNS = ["image_id", "size_bytes", "modified_ns", "settings", *NOTHING_SEEN]
SERIAL_BELOW = 16  # files: starting processes takes longer than reading these


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

    to_read: list[tuple[str, Path]] = field(default_factory=list)
    new: int = 0
    absent: dict[str, str] = field(default_factory=dict)
    vanished: list[str] = field(default_factory=list)
    unchanged: int = 0

    def counts(self) -> dict[str, int]:
        """Numbers of files, for the summary."""
        new, changed = self.new, len(self.to_read) - self.new
        return {
            "new": new,
            "changed": changed,
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


def plan_refresh(files: dict[str, Path | None], ledger: dict[str, Observation], observer: Observer) -> RefreshPlan:
    """Decide which files to read, looking at sizes and times only.

    Args:
        files: image_id → its file, which need not exist; None where its path leads out of the export.
        ledger: image_id → what an earlier run saw.
        observer: Tells the present settings and what is in the store.
    """
    plan = RefreshPlan()
    for image_id, path in files.items():
        previous = ledger.get(image_id)
        status = _status(path)
        if path is None:
            plan.absent[image_id] = "path_outside_export"
        elif status is None and previous is not None and previous["size_bytes"] != ABSENT:
            plan.vanished.append(image_id)
        elif status is None:
            plan.absent[image_id] = "missing_file"
        elif previous is not None and _is_current(previous, status.st_size, status.st_mtime_ns, observer):
            plan.unchanged += 1
        else:
            plan.new += previous is None
            plan.to_read.append((image_id, path))
    return plan


def carry_out(plan: RefreshPlan, ledger: dict[str, Observation], observer: Observer, workers: int) -> pd.DataFrame:
    """Read what the plan says, in parallel, and return the new ledger.

    Args:
        plan: From `plan_refresh`.
        ledger: What earlier runs saw; not altered.
        observer: Reads one file.
        workers: Processes; -1: all cores.

    Returns:
        One row per image ever seen, `LEDGER_COLUMNS`, sorted by `image_id`.
    """
    seen = dict(ledger) | {image_id: observe_absent(image_id, reason) for image_id, reason in plan.absent.items()}
    read = _observe_all(plan, ledger, observer, workers)
    for observation in track(read, "Reading radiographs", total=len(plan.to_read), disable=not plan.to_read):
        seen[observation["image_id"]] = observation
    return pd.DataFrame([seen[image_id] for image_id in sorted(seen)], columns=LEDGER_COLUMNS)


def ledger_rows(table: pd.DataFrame | None) -> dict[str, Observation]:
    """Return image_id → observation from the saved ledger, empty where there is none."""
    if table is None:
        return {}
    rows = cast("list[Observation]", table.to_dict("records"))
    return {row["image_id"]: row for row in rows}


def _status(path: Path | None) -> os.stat_result | None:
    try:
        return None if path is None else path.stat()
    except OSError:
        return None


def _is_current(previous: Observation, size: int, modified: int, observer: Observer) -> bool:
    as_then = (previous["size_bytes"], previous["modified_ns"], previous["settings"])
    if as_then != (size, modified, observer.settings):
        return False
    return bool(previous["reason"]) or observer.store.has(previous["image_id"])


def _observe_all(
    plan: RefreshPlan, ledger: dict[str, Observation], observer: Observer, workers: int
) -> Iterator[Observation]:
    """Yield observations as they come; a lazy list, so that no more than a few images are in memory."""
    jobs = (delayed(observer.observe)(image_id, path, ledger.get(image_id)) for image_id, path in plan.to_read)
    processes = 1 if len(plan.to_read) < SERIAL_BELOW else workers
    return iter(Parallel(n_jobs=processes, return_as="generator_unordered")(jobs))
