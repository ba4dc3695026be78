"""Who withdraws and which numbers are one person: `withdrawn.csv` and `patient_aliases.csv` (DESIGN §4).

Both lie beside the exports or in one of them. Image and study keys come from the number as a row writes it, so that a
merge reads no file anew and moves no image; the patient key and the date shift come from one number per person.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pandas as pd

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.parsers import clean_identifiers
from lung_cxr.imaging.emr.tables import TableError, read_text_table

WITHDRAWN = "withdrawn.csv"  # patient_id
ALIASES = "patient_aliases.csv"  # patient_id, merged_into
MERGED_COLUMNS = ["patient_key", "person_key", "shift_days", "excluded"]


@dataclass(frozen=True)
class PatientLists:
    """What the hospital's two lists say, in its own numbers.

    Attributes:
        withdrawn: Every number of every patient who withdraws, merged ones too.
        listed: How many numbers `withdrawn.csv` names.
        persons: Groups of numbers that are one person, the number that they were merged into first.
    """

    withdrawn: frozenset[str]
    listed: int
    persons: tuple[tuple[str, ...], ...]

    def withdrawn_rows(self, rows: pd.DataFrame, width: int | None) -> "pd.Series[bool]":
        """Whether each row, as `Export.read_rows` has it, is of a patient who withdraws."""
        return clean_identifiers(rows["patient_id"], width).isin(self.withdrawn)


def read_patient_lists(exports: Iterable[Export], width: int | None) -> PatientLists:
    """Read both lists wherever they lie; none is no list.

    Args:
        exports: All there are.
        width: `emr.patient_id_width`: numbers are cleaned as those of the rows.

    Raises:
        TableError: A list cannot be read, lacks a column or a number, or merges in a circle; no cell is quoted.
    """
    folders = sorted({folder for export in exports for folder in (export.root, export.folder)})
    withdrawn = _read_all(folders, WITHDRAWN, ["patient_id"], width)
    aliases = _read_all(folders, ALIASES, ["patient_id", "merged_into"], width)
    persons = _persons(aliases)
    listed = frozenset(withdrawn["patient_id"])
    everybody = listed.union(*(person for person in persons if listed.intersection(person)))
    return PatientLists(everybody, len(listed), persons)


def merge_patients(lists: PatientLists, secret: Secret, memory: pd.DataFrame) -> pd.DataFrame:
    """Say under which key each merged number goes, and whose images leave.

    The number that was assigned to a subset first gives the person its key, so that nobody moves. Where another number
    of the same person is in another subset, its images are excluded. Where none was assigned, the number that all were
    merged into counts.

    Args:
        lists: What the hospital says.
        secret: Makes the keys.
        memory: As `contracts.patient_subsets`, in its own order.

    Returns:
        As `contracts.merged_patients`, sorted by `patient_key`: one row per number that is not its person's own.
    """
    subsets = dict(zip(memory["patient_key"], memory["subset"], strict=True))
    first = {
        key: (export, row) for row, (key, export) in enumerate(zip(memory.patient_key, memory.assigned_in, strict=True))
    }
    rows = []
    for numbers in lists.persons:
        if lists.withdrawn.intersection(numbers):
            continue
        keys = {number: secret.key("patient", number) for number in numbers}
        assigned = [number for number in numbers if keys[number] in first]
        chief = min(assigned, key=lambda number: first[keys[number]]) if assigned else numbers[0]
        subset = subsets.get(keys[chief])
        for number in numbers:
            if number != chief:
                days = secret.date_shift(chief) - secret.date_shift(number)
                rows.append((keys[number], keys[chief], days, subsets.get(keys[number], subset) != subset))
    return pd.DataFrame(rows, columns=MERGED_COLUMNS).sort_values("patient_key", ignore_index=True)


def under_person_keys(table: pd.DataFrame, merged: pd.DataFrame) -> pd.DataFrame:
    """Return a table with `patient_key` and `exam_day` of merged numbers as their person's; excluded ones stay.

    Args:
        table: `patient_key, exam_day`, the days shifted by the number's own offset.
        merged: From `merge_patients`.
    """
    moved = merged[~merged["excluded"]]
    persons = dict(zip(moved["patient_key"], moved["person_key"], strict=True))
    days = dict(zip(moved["patient_key"], moved["shift_days"], strict=True))
    shifts = pd.Series([days.get(key, 0) for key in table["patient_key"]], table.index, dtype="int64")
    return table.assign(
        patient_key=pd.Series([persons.get(key, key) for key in table["patient_key"]], table.index, dtype="str"),
        exam_day=table["exam_day"] + pd.to_timedelta(shifts, unit="D"),
    )


def _read_all(folders: Sequence[Path], name: str, columns: list[str], width: int | None) -> pd.DataFrame:
    tables = [_read(path, columns, width) for folder in folders if (path := folder / name).is_file()]
    return pd.concat([pd.DataFrame(columns=columns, dtype="str"), *tables], ignore_index=True)


def _read(path: Path, columns: list[str], width: int | None) -> pd.DataFrame:
    cells, malformed = read_text_table(path)
    wanted = ", ".join(columns)
    if missing := [column for column in columns if list(cells.columns).count(column) != 1]:
        raise TableError(
            f"{path.name} beside the exports or in one of them has no column {', '.join(missing)} (or twice); expected "
            f"a header with {wanted} and one line per number. Mend it: until then nothing is read"
        )
    table = pd.DataFrame({column: clean_identifiers(cells[column], width) for column in columns})
    broken = sorted({*malformed, *table.index[(table == "").any(axis=1)]})
    if broken:
        raise TableError(
            f"{path.name}: {len(broken)} of {len(table)} rows lack a number or have too many cells, the first of them "
            f"row {broken[0]} below the header; expected {wanted} in each. Mend it: until then nothing is read"
        )
    return table.reset_index(drop=True)


def _persons(aliases: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Groups of numbers joined by any chain of merges, the last of the chain first."""
    into: dict[str, set[str]] = {}
    for old, new in aliases.drop_duplicates().itertuples(index=False):
        if old != new:
            into.setdefault(old, set()).add(new)
            into.setdefault(new, set())
    _check_circles(into)
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


def _check_circles(into: Mapping[str, set[str]]) -> None:
    try:
        TopologicalSorter(into).prepare()
    except CycleError as error:  # it holds the numbers
        raise TableError(
            f"{ALIASES} merges {len(error.args[1]) - 1} numbers in a circle; expected each chain to end in the number "
            "that is kept. Mend it: until then nothing is read"
        ) from None
