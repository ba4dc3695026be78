"""Comparable seeds: training seeds of one run that may be averaged, because their settings and data are equal."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

EQUAL_FIELDS = ("parameters", "split_sha256", "pixel_sha256", "method_version", "backend", "precision")
"""Fields of a run record that must be equal for all seeds of one row."""


class RunResults(Protocol):
    """Results of one training seed."""

    record: Any
    folder: Path

    @property
    def damage(self) -> str | None:
        """Return the reason why the files of a finished run cannot be used, or None."""

    @property
    def history(self) -> pd.DataFrame | None:
        """Return `contracts.history`."""

    @property
    def predictions(self) -> pd.DataFrame | None:
        """Return `contracts.predictions`."""


def comparable_seeds(seeds: Sequence[RunResults]) -> list[RunResults]:
    """Return the seeds with the same settings and data as the seed with the newest record, in their given order."""
    if not seeds:
        return []
    newest = _conditions(max(seeds, key=_recorded_at).record)
    return [one for one in seeds if _conditions(one.record) == newest]


def _conditions(record: Mapping[str, Any]) -> list[Any]:
    return [record.get(name) for name in EQUAL_FIELDS]


def _recorded_at(one: RunResults) -> float:
    """Return the modification time of the run record in seconds since 1970; all other files of a run are older."""
    path = one.folder / "run_record.json"
    return path.stat().st_mtime if path.exists() else 0.0
