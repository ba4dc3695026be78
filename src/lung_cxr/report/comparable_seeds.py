"""Which seeds of one run may be averaged: those trained alike, as the newest of them was."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

ALIKE = ("parameters", "split_sha256", "pixel_sha256", "method_version", "backend", "precision")
"""Fields of a run record that may not differ between the seeds of one row."""


class RunResults(Protocol):
    """What is read of one seed's run."""

    record: Any
    folder: Path

    @property
    def history(self) -> pd.DataFrame | None:
        """`contracts.history`."""

    @property
    def predictions(self) -> pd.DataFrame | None:
        """`contracts.predictions`."""


def trained_alike(seeds: Sequence[RunResults]) -> list[RunResults]:
    """Return the seeds that were trained as the one with the newest record was, in the order they came in."""
    if not seeds:
        return []
    newest = _trained_with(max(seeds, key=_recorded_at).record)
    return [one for one in seeds if _trained_with(one.record) == newest]


def judged_record(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the record of a finished row's first seed: not of one that failed or was left out."""
    return next(record for record in row["records"] if record["seed"] == row["seeds"][0])


def _trained_with(record: Mapping[str, Any]) -> list[Any]:
    return [record.get(name) for name in ALIKE]


def _recorded_at(one: RunResults) -> float:
    """Return when the record was written, in seconds since 1970; the folder's other files are older."""
    path = one.folder / "run_record.json"
    return path.stat().st_mtime if path.exists() else 0.0
