"""What a refresh has seen so far, batch by batch, so that a killed run goes on where it was."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from lung_cxr.imaging.observe import Observation


class Journal:
    """Batches of observations that are not in the ledger yet, one file each.

    The ledger is saved when all files are read, after hours perhaps. Until then each batch is a file here. The node
    that comes after the ledger clears them, so that whatever is here is newer than the ledger.

    Args:
        folder: `02_intermediate/refresh_journal`.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def read(self) -> list[Observation]:
        """Return all observations, oldest first."""
        batches = (json.loads(path.read_text(encoding="utf-8")) for path in self._files())
        return [Observation(**row) for batch in batches for row in batch]

    def append(self, observations: Iterable[Observation]) -> None:
        """Write one more batch, whole or not at all."""
        target = self.folder / f"{len(self._files()):06d}.json"
        temporary = target.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps([asdict(observation) for observation in observations]), encoding="utf-8")
        temporary.replace(target)

    def clear(self) -> None:
        """Forget everything: the ledger has it now."""
        for path in self._files():
            path.unlink()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.json"))
