"""Journal of a refresh: a killed run resumes from it instead of reading every file again."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lung_cxr.atomic import atomic_write

log = logging.getLogger(__name__)


class Journal:
    """Ledger rows that are not in the ledger yet, a few seconds of reading in each file.

    The ledger is saved when all files are read, perhaps after hours. Until then its new rows are here. The node after
    the ledger clears the journal, so that a row of the journal is always newer than the ledger's.

    Args:
        folder: `02_intermediate/refresh_journal`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._written = 1 + max((int(path.stem) for path in self._files()), default=-1)

    def read(self) -> list[Mapping[str, Any]]:
        """Return all rows, oldest first; skip damaged files with a warning."""
        parts = [_read(path) for path in self._files()]
        if damaged := parts.count(None):
            log.warning("%d files of the refresh journal are damaged; their images are read again", damaged)
        return [row for part in parts for row in part or []]

    def append(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the rows to a new file, atomically; write no file for no row."""
        if rows:
            with atomic_write(self.folder / f"{self._written:06d}.json") as unfinished:
                unfinished.write_text(json.dumps(list(rows)), encoding="utf-8")
            self._written += 1

    def clear(self) -> None:
        """Delete all rows: the ledger has them now."""
        for path in self.folder.iterdir():
            path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))


def _read(path: Path) -> list[Mapping[str, Any]] | None:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None
    is_whole = isinstance(rows, list) and all(isinstance(row, dict) and "image_id" in row for row in rows)
    return rows if is_whole else None
