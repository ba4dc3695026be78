"""Journal of a refresh: a killed run resumes from it instead of reading every file again."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from lung_cxr.atomic import atomic_write
from lung_cxr.imaging.catalogue.process_image import ProcessedImage

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

    def read(self) -> list[ProcessedImage]:
        """Return all rows, oldest first; skip damaged files with a warning."""
        parts = [_read(path) for path in self._files()]
        if damaged := parts.count(None):
            log.warning("%d files of the refresh journal are damaged; their images are read again", damaged)
        return [image for part in parts for image in part or []]

    def append(self, images: Sequence[ProcessedImage]) -> None:
        """Write the rows to a new file, atomically; write no file for no row."""
        if images:
            with atomic_write(self.folder / f"{self._written:06d}.json") as unfinished:
                unfinished.write_text(json.dumps([vars(image) for image in images]), encoding="utf-8")
            self._written += 1

    def clear(self) -> None:
        """Delete all rows: the ledger has them now."""
        for path in self.folder.iterdir():
            path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))


def _read(path: Path) -> list[ProcessedImage] | None:
    try:
        return [ProcessedImage.from_row(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError):  # not JSON, or JSON of another structure
        return None
