"""A snapshot: an export folder with `emr.parquet`, the images that it names, and the state of the extraction."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from lung_cxr.atomic import UNFINISHED, atomic_folder
from lung_cxr.extraction.extraction_error import ExtractionError
from lung_cxr.progress import follow

TABLE = "emr.parquet"
STATE = "extraction.json"  # marks a folder as a snapshot


class Snapshot(NamedTuple):
    """Content of a snapshot, without its images.

    Attributes:
        rows: As `NewRows.rows`, with image paths relative to the folder.
        newer_than: Column that told new rows; None: all rows were extracted.
        highest: As `NewRows.highest`.
    """

    rows: pd.DataFrame
    newer_than: str | None
    highest: dict[str, str]


def last_snapshot(exports: Path) -> Snapshot | None:
    """Return the newest snapshot among the exports; None if there is none.

    Raises:
        ExtractionError: It is damaged.
    """
    folders = sorted(path.parent for path in exports.glob(f"[!.]*/{STATE}"))
    if not folders:
        return None
    try:
        state = json.loads((folders[-1] / STATE).read_text(encoding="utf-8"))
        rows = pd.read_parquet(folders[-1] / TABLE)
        return Snapshot(rows, state["newer_than"], dict(state["highest"]))
    except (OSError, ValueError, KeyError):  # their messages quote values
        pass
    raise ExtractionError(
        f"{TABLE} or {STATE} of the newest snapshot among the exports is damaged; expected the files as the extraction "
        "wrote them. Restore them from a backup, or delete the folder to extract its rows again"
    )


def write_snapshot(folder: Path, snapshot: Snapshot, images: Mapping[str, Path]) -> None:
    """Write a snapshot atomically: a killed extraction leaves no export.

    Images keep their modification times, so that a refresh recognises unchanged files.

    Args:
        folder: New folder among the exports.
        snapshot: Table and state.
        images: Relative path → file to copy.

    Raises:
        DiskFullError: The disk is full.
    """
    with atomic_folder(folder) as unfinished:
        for relative, file in follow(sorted(images.items()), "Copying images", len(images)):
            target = unfinished / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            modified = file.stat().st_mtime_ns
            os.utime(target, ns=(modified, modified))
        snapshot.rows.to_parquet(unfinished / TABLE, index=False)
        state = {"newer_than": snapshot.newer_than, "highest": snapshot.highest}
        (unfinished / STATE).write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def remove_unfinished(exports: Path) -> None:
    """Delete what killed extractions have left; only the holder of the catalogue's lock may."""
    for folder in exports.glob(f"{UNFINISHED}*"):
        shutil.rmtree(folder)
