"""What a refresh has seen so far, part by part, so that a killed run goes on where it was."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from lung_cxr.atomic import atomic_write
from lung_cxr.imaging.catalogue.process_image import ProcessedImage

log = logging.getLogger(__name__)


class Journal:
    """Observations that are not in the ledger yet, a few seconds' worth in each file.

    The ledger is saved when all files are read, after hours perhaps. Until then what was seen is here. The node that
    comes after the ledger clears it, so that whatever is here is newer than the ledger.

    Args:
        folder: `02_intermediate/refresh_journal`.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._written = 1 + max((int(path.stem) for path in self._files()), default=-1)

    def read(self) -> list[ProcessedImage]:
        """Return all observations, oldest first; a part that a power cut has spoilt is left out, with a warning."""
        parts = [_read(path) for path in self._files()]
        if spoilt := parts.count(None):
            log.warning("%d parts of the refresh journal cannot be read: their files are read again", spoilt)
        return [seen for part in parts for seen in part or []]

    def append(self, observations: Sequence[ProcessedImage]) -> None:
        """Write one more part, whole or not at all; none where nothing was seen."""
        if observations:
            with atomic_write(self.folder / f"{self._written:06d}.json") as unfinished:
                unfinished.write_text(json.dumps([vars(seen) for seen in observations]), encoding="utf-8")
            self._written += 1

    def clear(self) -> None:
        """Forget everything: the ledger has it now."""
        for path in self.folder.iterdir():
            path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.json"))


def _read(path: Path) -> list[ProcessedImage] | None:
    try:
        return [ProcessedImage.from_row(row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError):  # no JSON, or JSON of another shape
        return None
