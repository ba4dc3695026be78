"""Patient linkage: the hospital's lists `withdrawn.csv` and `patient_aliases.csv` (DESIGN §4).

Image and study keys come from the patient number in the row, so
that a merge reads no file again and renames no image. The patient key and the date shift come from the canonical id:
one number for all numbers of a person.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_lists import read_lists
from lung_cxr.imaging.emr.tables import TableError
from lung_cxr.text_columns import is_in, map_distinct

WITHDRAWN = ("withdrawn", "withdrawal", "withdrawals", "withdrawnpatients")  # withdrawn.csv; column patient_id
ALIASES = ("patientaliases", "patientalias")  # patient_aliases.csv; columns patient_id, merged_into
MERGED_COLUMNS = ["patient_key", "person_key", "shift_days", "excluded"]


@dataclass(frozen=True)
class PatientLists:
    """The content of the hospital's two lists, in the hospital's numbers.

    Attributes:
        withdrawn: Every number of every patient who withdraws, linked numbers included.
        listed: Count of numbers in the withdrawal lists.
        linked_ids: Groups of numbers of one person, the number that the others were merged into first.
        files: Each list that was read, by its place → its rows.
    """

    withdrawn: frozenset[str] = frozenset()
    listed: int = 0
    linked_ids: tuple[tuple[str, ...], ...] = ()
    files: Mapping[str, int] = field(default_factory=dict)

    def withdrawn_rows(self, rows: pd.DataFrame, rules: PatientIdRules) -> "pd.Series[bool]":
        """Return True for each row of `ExportTables.rows` whose patient withdraws."""
        if not self.withdrawn:
            return pd.Series(False, rows.index)
        return is_in(map_distinct(rows["patient_id"], rules.normalise), self.withdrawn)


def read_patient_lists(exports: Iterable[Export], raw_folder: Path, rules: PatientIdRules) -> PatientLists:
    """Read both lists from all folders that may hold them. A missing list is an empty list.

    Args:
        exports: All present exports.
        raw_folder: `01_raw`; the exports may lie elsewhere.
        rules: The hospital's rules for patient numbers: the numbers of lists and rows have one normal form.

    Raises:
        TableError: A list cannot be read, lacks a column or a number, or merges numbers in a circle; quotes no value.
    """
    exports = list(exports)
    withdrawn, withdrawn_lists = read_lists(exports, raw_folder, WITHDRAWN, "withdraw", ["patient_id"], rules)
    aliases, alias_lists = read_lists(exports, raw_folder, ALIASES, "alias", ["patient_id", "merged_into"], rules)
    _check_circles(aliases)
    linked_ids = _linked_ids(aliases.itertuples(index=False, name=None))
    listed = frozenset(withdrawn["patient_id"])
    all_numbers = listed.union(*(group for group in linked_ids if listed.intersection(group)))
    return PatientLists(all_numbers, len(listed), linked_ids, withdrawn_lists | alias_lists)


def link_spellings(
    lists: PatientLists, rows: pd.DataFrame, known_patients: Collection[str], secret: Secret, rules: PatientIdRules
) -> PatientLists:
    """Link the numbers of the rows with the spellings under which the catalogue knows them.

    Args:
        lists: The hospital's lists.
        rows: From `keys.with_keys`.
        known_patients: Patient keys of the catalogue and of the assignments.
        secret: Secret of the pseudonyms.
        rules: The hospital's rules for patient numbers.
    """
    aliases = ((number, group[0]) for group in lists.linked_ids for number in group[1:])
    catalogued = rows.loc[
        rows["catalogued_id"] != rows["patient_id"], ["catalogued_id", "patient_id"]
    ].drop_duplicates()
    catalogued = catalogued[(catalogued["patient_id"] != "") & (catalogued["catalogued_id"] != "")]
    earlier = (
        (spelling, number)
        for number in sorted({*rows["patient_id"].tolist()} - {""})
        for spelling in rules.other_spellings(number)
        if secret.key("patient", spelling) in known_patients
    )
    pairs = [*aliases, *catalogued.itertuples(index=False, name=None), *earlier]
    return replace(lists, linked_ids=_linked_ids(pairs))


def merge_patients(lists: PatientLists, secret: Secret, assignments: pd.DataFrame) -> pd.DataFrame:
    """Return the canonical key of each merged number, and the numbers whose images are excluded.

    The number that was first assigned to a subset is the canonical id, so that no patient changes the subset. Images of
    a linked number that is in another subset are excluded. If no number has a subset, the canonical id is the number
    that the others were merged into.

    Args:
        lists: The hospital's lists.
        secret: Secret of the pseudonyms.
        assignments: As `contracts.patient_subsets`, in its own order.

    Returns:
        As `contracts.merged_patients`, sorted by `patient_key`: one row per number that is not its canonical id.
    """
    subsets = dict(zip(assignments["patient_key"], assignments["subset"], strict=True))
    order = zip(assignments["patient_key"], assignments["assigned_in"], range(len(assignments)), strict=True)
    assigned_at = {key: (export, row) for key, export, row in order}
    rows = []
    for numbers in lists.linked_ids:
        if lists.withdrawn.intersection(numbers):
            continue
        keys = {number: secret.key("patient", number) for number in numbers}
        assigned = [number for number in numbers if keys[number] in assigned_at]
        canonical = min(assigned, key=lambda number: assigned_at[keys[number]]) if assigned else numbers[0]
        subset = subsets.get(keys[canonical])
        for number in numbers:
            if number != canonical:
                days = secret.date_shift(canonical) - secret.date_shift(number)
                rows.append((keys[number], keys[canonical], days, subsets.get(keys[number], subset) != subset))
    table = pd.DataFrame(rows, columns=MERGED_COLUMNS).astype({"shift_days": "int64", "excluded": bool})
    return table.sort_values("patient_key", ignore_index=True)


def with_canonical_keys(table: pd.DataFrame, merged: pd.DataFrame) -> pd.DataFrame:
    """Replace `patient_key` and `exam_day` of merged numbers by those of the canonical id, except excluded numbers.

    Args:
        table: `patient_key, exam_day`, the days shifted by the offset of the number in the row.
        merged: From `merge_patients`.
    """
    moved = merged[~merged["excluded"]]
    if moved.empty:
        return table
    canonical = dict(zip(moved["patient_key"], moved["person_key"], strict=True))
    days = dict(zip(moved["patient_key"], moved["shift_days"], strict=True))
    shifts = pd.Series([days.get(key, 0) for key in table["patient_key"]], table.index, dtype="int64")
    return table.assign(
        patient_key=pd.Series([canonical.get(key, key) for key in table["patient_key"]], table.index, dtype="str"),
        exam_day=table["exam_day"] + pd.to_timedelta(shifts, unit="D"),
    )


def _linked_ids(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Return groups of numbers joined by any chain of (number, merged into), the last number of the chain first."""
    into: dict[str, set[str]] = {}
    for old, new in sorted(set(pairs)):
        if old != new:
            into.setdefault(old, set()).add(new)
            into.setdefault(new, set())
    group: dict[str, set[str]] = {number: {number} for number in into}
    for old, targets in into.items():
        for new in targets:
            if group[old] is not group[new]:
                group[old] |= group[new]
                for number in group[new]:
                    group[number] = group[old]
    groups = {min(numbers): numbers for numbers in group.values()}
    return tuple(
        tuple(sorted(numbers, key=lambda number: (bool(into[number]), number))) for _, numbers in sorted(groups.items())
    )


def _check_circles(aliases: pd.DataFrame) -> None:
    """Refuse merges in a circle; a number that is merged into itself is harmless."""
    into: dict[str, set[str]] = {}
    for old, new in aliases[aliases["patient_id"] != aliases["merged_into"]].itertuples(index=False):
        into.setdefault(old, set()).add(new)
    try:
        TopologicalSorter(into).prepare()
    except CycleError as error:  # its own message holds the numbers
        raise TableError(
            f"patient_aliases merges {len(error.args[1]) - 1} numbers in a circle; expected each chain of merges "
            "to end in the number that is kept. Correct the list and run ingestion again; nothing was read"
        ) from None
