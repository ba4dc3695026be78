"""Node of `reporting` that pools the cross-validation; it passes runs and parameters to `lung_cxr.evaluation`."""

from typing import Any

import pandas as pd

from lung_cxr.experiments import CROSS_VALIDATED
from lung_cxr.parameters import EnsemblesParameters, ReportingParameters, SplittingParameters
from lung_cxr.splitting.folds import fold_splits
from lung_cxr.splitting.split import split_sha256


def pool_folds(
    split: pd.DataFrame,
    patient_folds: pd.DataFrame | None,
    cross_validation_runs: dict[str, dict[str, dict[int, list[Any]]]],
    splitting: SplittingParameters,
    parameters: ReportingParameters,
    ensembles: EnsemblesParameters,
    experiment: str,
    sensitivity: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Pool the held-out predictions of the cross-validation, and test differences over folds.

    Returns:
        `out_of_fold.RESULT_COLUMNS` and `out_of_fold.TEST_COLUMNS` of the present experiment, without rows if no
        cross-validation is set or run; and the page of `report.evidence` on all experiments.
    """
    from lung_cxr.evaluation import out_of_fold
    from lung_cxr.evaluation.fold_ensembles import fold_ensembles
    from lung_cxr.evaluation.majority_class import class_shares
    from lung_cxr.report.evidence import write_evidence

    started = {name: _grid_points(grid) for name, grid in cross_validation_runs.items()}
    empty = pd.DataFrame(columns=out_of_fold.RESULT_COLUMNS), pd.DataFrame(columns=out_of_fold.TEST_COLUMNS)
    if splitting.n_folds is None or not started:
        return *empty, "No cross-validation was run: set splitting.folds or splitting.outer_folds.\n"
    splits = dict(fold_splits(split, patient_folds, splitting))
    rotated = "validation" if splitting.outer_folds is None else "test"
    counts = [one["subset"].value_counts() for one in splits.values()]
    folds = out_of_fold.CrossValidation(
        splits={fold: split_sha256(one) for fold, one in splits.items()},
        rotated_subset=rotated,
        test_to_train=sum(count[rotated] / count["train"] for count in counts) / len(counts),
        class_shares={fold: class_shares(one.loc[one["subset"] == "train", "label"]) for fold, one in splits.items()},
    )
    bootstrap = parameters.bootstrap
    present = started.get(experiment, {})
    means = {name: one.runs for name, one in ensembles.root.items() if one.combine == "mean" and not one.flips}
    combined = fold_ensembles(present, folds.splits, means, experiment)
    tables = out_of_fold.pool_folds({**present, **combined}, folds, bootstrap) if present else empty
    return *tables, write_evidence(started, folds, bootstrap, sensitivity, experiment)


def _grid_points(grid: dict[str, dict[int, list[Any]]]) -> dict[tuple[str, str], dict[int, list[Any]]]:
    """Return (backbone, strategy) → fold → runs, in the order of the grid."""
    return {(run.backbone, run.strategy): grid[run.fold_results] for run in CROSS_VALIDATED if run.fold_results in grid}
