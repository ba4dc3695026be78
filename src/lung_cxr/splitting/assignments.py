"""`patient_subsets`: the append-only memory of the split, which may also come from the hospital."""

import pandas as pd
from pandera.errors import SchemaErrors

from lung_cxr import contracts

COLUMNS = list(contracts.patient_subsets.columns)


class PatientSubsetsError(ValueError):
    """`patient_subsets` is not what it has to be; the message holds no value of the table."""


def checked_assignments(table: pd.DataFrame | None) -> pd.DataFrame:
    """Return the memory with its contract's dtypes, or an empty one where there is none yet.

    A hospital may put its own table in this place, so it may hold anything, raw patient numbers included: unlike
    Pandera's, the error names columns, checks and counts only.

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
            "Mend the table, or take it away to have the patients assigned anew."
        )
    checked, problems = _validate(table)
    if problems:
        raise PatientSubsetsError(
            f"patient_subsets: {len(table)} rows, of which some break the contract: {'; '.join(problems)}. Expected "
            "each patient once, keys of the image manifest, ordinals from 1, class names of Table 1 and the subsets "
            f"{', '.join(contracts.SUBSETS)}. Mend the table, or take it away to have the patients assigned anew."
        )
    return checked


def _validate(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the coerced table and what is wrong with it, without any value."""
    try:
        return contracts.patient_subsets.validate(table.reset_index(drop=True), lazy=True), []
    except SchemaErrors as error:
        failures = error.failure_cases
    counts = failures.groupby([failures["column"].astype(str), failures["check"].map(_name)]).size()
    return table, [f"{column}: {check} ({count})" for (column, check), count in counts.items()]


def _name(check: object) -> str:
    """A check's name without its arguments: `coerce_dtype('int64')` → `coerce_dtype`."""
    return str(check).split("(", maxsplit=1)[0]
