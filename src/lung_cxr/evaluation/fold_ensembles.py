"""Ensembles in a cross-validation: the mean of the members' probabilities on each fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from lung_cxr.diseases import PROBABILITY_COLUMNS
from lung_cxr.evaluation.predictions import probabilities

BACKBONE = "ensemble"  # in place of the backbone in the tables


@dataclass(frozen=True)
class FoldEnsemble:
    """Mean predictions of the members on one fold, as the result of a run.

    Attributes:
        record: Seed 0, status, hash of the fold's split.
        predictions: `contracts.predictions`.
    """

    record: Mapping[str, Any]
    predictions: pd.DataFrame
    finished: bool = True


def fold_ensembles(
    runs: Mapping[tuple[str, str], Mapping[int, Sequence[Any]]],
    splits: Mapping[int, str],
    patterns: Mapping[str, Sequence[str]],
    experiment: str,
) -> dict[tuple[str, str], dict[int, list[FoldEnsemble]]]:
    """Return (`ensemble`, name) → fold → its mean predictions, for folds on which every pattern has a finished run.

    Args:
        runs: (backbone, strategy) → fold → `RunResult` of each seed.
        splits: Fold → `split_sha256` of its split; other runs do not count.
        patterns: Name of an ensemble → patterns of `<backbone>/<strategy>/seed_<s>`, without the fold.
        experiment: Name of the experiment that the runs belong to; its folder precedes the others. "": none.
    """
    prefix = f"{experiment}/" if experiment else ""
    found: dict[tuple[str, str], dict[int, list[FoldEnsemble]]] = {}
    for fold, split_sha256 in splits.items():
        predicted = {
            f"{prefix}{backbone}/{strategy}/seed_{one.record['seed']}": one.predictions
            for (backbone, strategy), folds in runs.items()
            for one in folds.get(fold, ())
            if one.finished and one.record.get("split_sha256") == split_sha256 and one.predictions is not None
        }
        record = {"seed": 0, "status": "finished", "split_sha256": split_sha256}
        for name, wanted in patterns.items():
            matches = [[run for run in predicted if fnmatchcase(run, pattern)] for pattern in wanted]
            if all(matches):
                members = dict.fromkeys(run for of_pattern in matches for run in of_pattern)
                mean = mean_predictions([predicted[run] for run in members])
                found.setdefault((BACKBONE, name), {})[fold] = [FoldEnsemble(record, mean)]
    return found


def mean_predictions(members: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return `contracts.predictions` with the mean probabilities of the members, which predict the same images."""
    ordered = [frame.sort_values("image_id", ignore_index=True) for frame in members]
    mean = np.mean([probabilities(frame) for frame in ordered], axis=0)
    return ordered[0].assign(**dict(zip(PROBABILITY_COLUMNS, mean.T, strict=True)))
