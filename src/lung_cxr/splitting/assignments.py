"""The assignments of patients to subsets (`patient_subsets`): append-only; a hospital may supply its own table."""

import pandas as pd
from pandera.errors import SchemaErrors

from lung_cxr import contracts

COLUMNS = list(contracts.patient_subsets.columns)
NAMED = 5  # patient keys in an error


class PatientSubsetsError(ValueError):
    """`patient_subsets` breaks its contract; the message holds no value of the table."""


def checked_assignments(table: pd.DataFrame | None) -> pd.DataFrame:
    """Return the assignments with the dtypes of the contract; an empty table on the first run.

    A hospital may supply this table, so that it may hold raw patient numbers: unlike the error of Pandera, the error
    names columns, checks and counts only.

    Args:
        table: `patient_key` (32 hex digits, as in the image manifest), `subset`, `assigned_in` (ordinal of an export),
            `label_at_assignment`; None on the first run.

    Raises:
        PatientSubsetsError: A column is missing or unknown, or values break the contract.
    """
    if table is None:
        table = pd.DataFrame(columns=COLUMNS)
    if list(table.columns) != COLUMNS:
        raise PatientSubsetsError(
            f"patient_subsets: found {len(table.columns)} columns, expected {', '.join(COLUMNS)}, in this order. "
            "Missing: " + (", ".join(name for name in COLUMNS if name not in table.columns) or "none") + ". "
            "Correct the table, or restore it from a backup."
        )
    checked, problems = _validate(table)
    if problems:
        raise PatientSubsetsError(
            f"patient_subsets: {len(table)} rows, of which some break the contract: {'; '.join(problems)}. Expected "
            "each patient once, keys of the image manifest, ordinals from 1, class names of Table 1 and the subsets "
            f"{', '.join(contracts.SUBSETS)}. Correct the table, or restore it from a backup."
        )
    return checked


def check_against_split(assignments: pd.DataFrame, previous_split: pd.DataFrame | None) -> None:
    """Refuse assignments that lost or moved a patient of the present split: trained models have seen that split.

    Args:
        assignments: As `contracts.patient_subsets`.
        previous_split: `split` of the last run, or None.

    Raises:
        PatientSubsetsError: A patient of the split has no subset or another one; the message holds counts and keys.
    """
    if previous_split is None:
        return
    patients = previous_split.drop_duplicates("patient_key").set_index("patient_key")["subset"]
    present = patients.index.map(assignments.set_index("patient_key")["subset"])
    lost, moved = patients.index[present.isna()], patients.index[present.notna() & (present != patients)]
    if len(lost) or len(moved):
        named = ", ".join([*lost, *moved][:NAMED])
        raise PatientSubsetsError(
            f"patient_subsets.parquet contradicts split.parquet: of {len(patients)} patients {len(lost)} have no "
            f"subset and {len(moved)} have another one (the first: {named}); expected each patient to keep the subset. "
            "Restore patient_subsets.parquet from a backup. If the change is intended, delete split.parquet: trained "
            "models have then seen patients of the new test set"
        )


def _validate(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the coerced table and its problems, without any value."""
    try:
        return contracts.patient_subsets.validate(table.reset_index(drop=True), lazy=True), []
    except SchemaErrors as error:
        failures = error.failure_cases
    counts = failures.groupby([failures["column"].astype(str), failures["check"].map(_name)]).size()
    return table, [f"{column}: {check} ({count})" for (column, check), count in counts.items()]


def _name(check: object) -> str:
    """Return the name of a check without its arguments: `coerce_dtype('int64')` → `coerce_dtype`."""
    return str(check).split("(", maxsplit=1)[0]
