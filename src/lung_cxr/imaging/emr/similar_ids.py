"""Similar patient numbers: equal except for leading zeros, case, blanks, punctuation or look-alike letters.

Excel drops leading zeros, and typists change the case: one patient then has two numbers and may be in two subsets. A
new number that is similar to another one is held back until the hospital states its rule (`emr.patient_id_width`,
`emr.patient_id_ignores`, `patient_aliases.csv`) or accepts it as another patient.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lung_cxr.imaging.deidentify.pseudonyms import Secret
from lung_cxr.text_columns import is_in

if TYPE_CHECKING:  # reader processes do without pandas, whose import takes half of their start
    import pandas as pd

LONGEST_NUMBER = 16  # digits of the zero-padded spellings that are tried; patient numbers have up to twelve
LATIN = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕЅІЈКМНОРСТХ", "ABEZHIKMNOPTYXABESIJKMHOPCTX")
"""Greek and Cyrillic capitals that look like Latin ones (Unicode TR 39)."""


def similar_ids(
    rows: "pd.DataFrame", linked_ids: Sequence[Sequence[str]], known_patients: Collection[str], secret: Secret
) -> frozenset[str]:
    """Return the new patient numbers that are similar to another number and not linked with it.

    A known number stays, and so does the only number of the earliest export. Of several new numbers in one export none
    is certain: all of them are returned.

    Args:
        rows: From `keys.with_keys`, with the ordinal `export`.
        linked_ids: Groups of numbers of one person.
        known_patients: Patient keys of the catalogue and of the assignments.
        secret: Secret of the pseudonyms.
    """
    person = {number: group[0] for group in linked_ids for number in group}
    first_export = rows[rows["patient_id"] != ""].groupby("patient_id")["export"].min()
    known = _known(rows, known_patients, secret)
    found: set[str] = set()
    for numbers in _by_core(first_export.index):
        rank = {number: 0 if number in known else int(first_export[number]) for number in numbers}
        first = [number for number in numbers if rank[number] == min(rank.values())]
        certain = {person.get(number, number) for number in first}
        if len(certain) > 1 and min(rank.values()) > 0:
            certain = set()
        found |= {number for number in numbers if rank[number] > 0 and person.get(number, number) not in certain}
    new = set(first_export.index) - known - found - person.keys()
    found |= {
        number for number in new if any(secret.key("patient", text) in known_patients for text in _similar(number))
    }
    return frozenset(found)


def count_similar_known(
    rows: "pd.DataFrame", linked_ids: Sequence[Sequence[str]], known_patients: Collection[str], secret: Secret
) -> int:
    """Return how many patients of the catalogue have a number similar to that of another patient of the catalogue.

    They came before similar numbers were held back, or were accepted then. For the arguments see `similar_ids`.
    """
    person = {number: group[0] for group in linked_ids for number in group}
    known = _known(rows[rows["patient_id"] != ""], known_patients, secret)
    alike = ({person.get(number, number) for number in numbers} for numbers in _by_core(known))
    return sum(len(people) for people in alike if len(people) > 1)


def count_similar_listed(
    listed: Mapping[str, Sequence[str]], numbers: Collection[str], known_patients: set[str], secret: Secret
) -> int:
    """Return how many numbers of a list no patient has, while a patient that is not listed has a similar number.

    Args:
        listed: Number of the list in normal form → it and its other spellings in the catalogue.
        numbers: Numbers of the exports, in normal form.
        known_patients: Patient keys of the catalogue.
        secret: Secret of the pseudonyms.
    """
    if not listed:
        return 0
    others = {core_of(number) for number in numbers if number not in listed}
    unknown = [
        number
        for number, texts in listed.items()
        if number not in numbers and known_patients.isdisjoint(secret.key("patient", text) for text in texts)
    ]
    return sum(
        core_of(number) in others
        or any(secret.key("patient", text) in known_patients for text in _similar(number) if text not in listed)
        for number in unknown
    )


def _known(rows: "pd.DataFrame", known_patients: Collection[str], secret: Secret) -> set[str]:
    """Return the numbers of the rows that belong to patients of the catalogue."""
    known = set(rows.loc[is_in(rows["patient_key"], known_patients), "patient_id"].tolist())
    others = set(rows["patient_id"].tolist()) - known  # known under their own number, catalogued under another one
    return known | {number for number in others if secret.key("patient", number) in known_patients}


def _by_core(numbers: Iterable[str]) -> Iterable[list[str]]:
    """Return groups of several similar numbers."""
    groups = defaultdict(list)
    for number in numbers:
        groups[core_of(number)].append(number)
    return [numbers for numbers in groups.values() if len(numbers) > 1]


def core_of(number: str) -> str:
    """Return the part of a number that spreadsheets and typists keep: capitals and digits without leading zeros."""
    if number.isascii() and number.isalnum():
        return number.upper().lstrip("0")
    letters = "".join(character for character in number.upper().translate(LATIN) if character.isalnum())
    return letters.lstrip("0")


def _similar(number: str) -> Iterator[str]:
    """Yield similar numbers; a catalogue holds keys only, so that each one must be tried."""
    core = core_of(number)
    yield from {number.upper(), number.lower(), core, number.lstrip("0")} - {number, ""}
    if core.isdigit():
        yield from (core.zfill(width) for width in range(len(core) + 1, LONGEST_NUMBER + 1))
