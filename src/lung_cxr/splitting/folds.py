"""Cross-validation by patient: assign patients to folds permanently, and return the split of each fold."""

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from lung_cxr import contracts
from lung_cxr.parameters import SplittingParameters
from lung_cxr.splitting.assign import accepted_images, append_assignments

COLUMNS = list(contracts.patient_folds.columns)

log = logging.getLogger(__name__)


def assign_folds(
    manifest: pd.DataFrame,
    patient_subsets: pd.DataFrame,
    previous: pd.DataFrame | None,
    *,
    folds: int | None,
    seed: int,
) -> pd.DataFrame:
    """Append the patients without a fold; each fold gets the same share of the images of each class.

    Patients of training and validation are placed first, then those of the test set, so that the folds are balanced
    both with and without the test set.

    Args:
        manifest: The image manifest; only its accepted images count.
        patient_subsets: `contracts.patient_subsets` of all these patients.
        previous: `patient_folds` of the last run, or None. Another number of folds assigns all patients again.
        folds: Number of folds; None: no cross-validation, the previous table stays.
        seed: Seed of the order of patients with equally many images.

    Returns:
        `contracts.patient_folds`: the rows of `previous` unchanged, then new ones.
    """
    table = pd.DataFrame(columns=COLUMNS) if previous is None else contracts.patient_folds.validate(previous)
    if folds is None:
        return contracts.patient_folds.validate(table)
    if len(table) and set(table["folds"]) != {folds}:
        log.warning("patient_folds: %d folds instead of %d; all patients are assigned again", folds, table["folds"][0])
        table = table.iloc[:0]
    known, shares = len(table), dict.fromkeys(range(1, folds + 1), 1 / folds)
    tested = patient_subsets.loc[patient_subsets["subset"] == "test", "patient_key"]
    for part in (manifest[~manifest["patient_key"].isin(tested)], manifest):
        table = append_assignments(accepted_images(part), table, "fold", shares, seed).assign(folds=folds)
    log.info("patient_folds: %s new of %s patients", f"{len(table) - known:,}", f"{len(table):,}")
    return contracts.patient_folds.validate(table[COLUMNS])


def folds_of_images(split: pd.DataFrame, patient_folds: pd.DataFrame | None, folds: int) -> pd.Series:
    """Return the fold of each image of a split, (N,) int, 1…folds.

    Raises:
        ValueError: There are no folds, another number of folds, or patients without a fold.
    """
    assigned = pd.DataFrame(columns=COLUMNS) if patient_folds is None else patient_folds
    of_image = split["patient_key"].map(assigned[assigned["folds"] == folds].set_index("patient_key")["fold"])
    if of_image.isna().any():
        lost = split.loc[of_image.isna(), "patient_key"].nunique()
        raise ValueError(
            f"{lost} patients of the split have none of the {folds} folds: run `kedro run --pipelines splitting` first"
        )
    return of_image.astype("int64")


def fold_splits(
    split: pd.DataFrame, patient_folds: pd.DataFrame | None, settings: SplittingParameters
) -> Iterator[tuple[int, pd.DataFrame]]:
    """Yield number and split of each fold; rows and their order are those of `split`.

    With `outer_folds`, fold k is the test set and fold k + 1 the validation set. With `folds`, fold k without the
    patients of the sticky test set is the validation set.

    Args:
        split: `contracts.split`.
        patient_folds: `contracts.patient_folds`, or None.
        settings: Number and kind of the folds.

    Raises:
        ValueError: No cross-validation is set, or as `folds_of_images`.
    """
    folds, rotate_test = settings.n_folds, settings.outer_folds is not None
    if folds is None:
        raise ValueError(
            "splitting.folds and splitting.outer_folds are null: set one of them, e.g. in "
            "conf/<env>/parameters_splitting.yml, and run `kedro run --pipelines splitting` first"
        )
    of_image = folds_of_images(split, patient_folds, folds)
    for fold in range(1, folds + 1):
        test = of_image == fold if rotate_test else split["subset"] == "test"
        validation = of_image == (fold % folds + 1 if rotate_test else fold)
        subset = np.select([test, validation], ["test", "validation"], "train")
        yield fold, contracts.split.validate(split.assign(subset=subset))
