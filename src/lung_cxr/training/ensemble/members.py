"""The members of an ensemble: finished runs with a model, tested on the images of the present split."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from lung_cxr.training.run.file_names import MODEL, PREDICTIONS, RECORD

FOLDER = "ensemble"  # of all ensembles, in 06_models and 07_model_output


class EnsembleError(ValueError):
    """The runs of an ensemble cannot be combined."""


@dataclass(frozen=True)
class Member:
    """A finished run.

    Attributes:
        run: Its folder below 06_models and 07_model_output.
        model: Its model file.
        record: Its record.
        predictions: Its predictions file.
    """

    run: str
    model: Path
    record: Mapping[str, Any]
    predictions: Path


def find_members(patterns: Sequence[str], model_folder: Path, output_folder: Path) -> list[Member]:
    """Return the finished runs whose folder matches a pattern, each once, in the order of the patterns.

    Raises:
        EnsembleError: A pattern matches no finished run.
    """
    found = {path.parent.relative_to(output_folder).as_posix(): path for path in sorted(output_folder.rglob(RECORD))}
    usable = {
        run: record
        for run, path in found.items()
        if not run.startswith(FOLDER) and f"/{FOLDER}/" not in run and "superseded" not in Path(run).parts
        if (record := json.loads(path.read_text(encoding="utf-8"))).get("status") == "finished"
        and (model_folder / run / MODEL).is_file()
    }
    chosen: dict[str, Member] = {}
    for pattern in patterns:
        matches = [run for run in usable if fnmatchcase(run, pattern.strip("/"))]
        if not matches:
            raise EnsembleError(
                f"no finished run matches {pattern!r}; expected a pattern of {', '.join(usable) or 'no run yet'}. "
                "Train the runs first, or correct `ensembles` in parameters_ensembles.yml"
            )
        chosen |= {
            run: Member(run, model_folder / run / MODEL, usable[run], output_folder / run / PREDICTIONS)
            for run in matches
        }
    return list(chosen.values())


def shares_validation(members: Sequence[Member], split: pd.DataFrame, split_hash: str) -> bool:
    """Return whether the validation images of the split are those of all members.

    Folds with one test set have different validation images: an image that validates one member trained another.

    Raises:
        EnsembleError: A member was tested on images that are not the test images of the split.
    """
    test = set(split.loc[split["subset"] == "test", "image_id"])
    for member in members:
        subsets = pd.read_parquet(member.predictions, columns=["image_id", "subset"])
        if set(subsets.loc[subsets["subset"] == "test", "image_id"]) != test:
            raise EnsembleError(
                f"{member.run} was tested on other images than those of the present split; expected members with one "
                "test set. Train it again, or leave it out"
            )
    return all(member.record["split_sha256"] == split_hash for member in members)
