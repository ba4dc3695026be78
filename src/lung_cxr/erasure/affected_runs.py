"""Mark the training runs that used a withdrawn patient: a model cannot unlearn one patient.

The mark is a file in the output folder of the run, so that it moves with the folder when a later run supersedes it.
Needs no Keras.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.splitting.split import split_sha256
from lung_cxr.training.run.file_names import IDENTITY_FILE, PREDICTIONS, RECORD, WITHDRAWAL

AffectedRun = dict[str, Any]


def mark_affected_runs(
    model_folder: Path,
    output_folder: Path,
    patient_keys: set[str],
    split: pd.DataFrame | None,
    assignments: pd.DataFrame | None,
) -> None:
    """Write a mark in the folder of every run that used one of these patients, or may have used one.

    A run on the present split used the patients of that split. For a run on an older split only the predictions are
    known; it may have used any patient who was ever assigned to training. A run on a fold may have been trained on any
    patient who was ever assigned.

    Args:
        model_folder: `06_models`.
        output_folder: `07_model_output`.
        patient_keys: Keys of the withdrawn patients.
        split: The present split before the erasure, or None.
        assignments: `patient_subsets` before the erasure, or None.
    """
    present = None if split is None else split_sha256(split)
    in_split = _subsets(split, patient_keys)
    assigned = _subsets(assignments, patient_keys)
    for folder, identity in _runs(model_folder, output_folder):
        in_fold = any(part.startswith("fold_") for part in folder.parts)
        trained_on = {"train"} if assigned and (in_fold or "train" in assigned) else set()
        is_present = present is not None and identity.get("split_sha256") == present
        seen = in_split if is_present else _subsets(_predictions(output_folder / folder), patient_keys) | trained_on
        if seen:
            _mark(output_folder / folder / WITHDRAWAL, seen, certain=is_present or not trained_on)


def affected_runs(output_folder: Path) -> list[AffectedRun]:
    """Return all marked runs: `run` (folder below 06_models and 07_model_output), `subsets`, `certain`."""
    marks = sorted(output_folder.rglob(WITHDRAWAL))
    return [
        {"run": path.parent.relative_to(output_folder).as_posix(), **json.loads(path.read_text(encoding="utf-8"))}
        for path in marks
    ]


def _runs(model_folder: Path, output_folder: Path) -> Iterable[tuple[Path, dict[str, Any]]]:
    """Yield folder and identity of every run: finished, unfinished or superseded; runs of sweeps too."""
    found = {path.parent.relative_to(model_folder): path for path in model_folder.rglob(IDENTITY_FILE)}
    found |= {path.parent.relative_to(output_folder): path for path in output_folder.rglob(PREDICTIONS)}
    found |= {path.parent.relative_to(output_folder): path for path in output_folder.rglob(RECORD)}
    return ((folder, _identity(path)) for folder, path in sorted(found.items()))


def _identity(path: Path) -> dict[str, Any]:
    try:
        return {} if path.name == PREDICTIONS else json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:  # a killed writer: the split of the run is unknown
        return {}


def _predictions(folder: Path) -> pd.DataFrame | None:
    path = folder / PREDICTIONS
    return pd.read_parquet(path, columns=["patient_key", "subset"]) if path.exists() else None


def _subsets(table: pd.DataFrame | None, patient_keys: set[str]) -> set[str]:
    return set() if table is None else set(table.loc[table["patient_key"].isin(patient_keys), "subset"])


def _mark(path: Path, subsets: set[str], certain: bool) -> None:
    if path.exists():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        subsets, certain = subsets | set(earlier["subsets"]), certain or earlier["certain"]
    with atomic_write(path) as unfinished:
        unfinished.write_text(json.dumps({"subsets": sorted(subsets), "certain": certain}) + "\n", encoding="utf-8")
