import pandas as pd
import pytest

from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.keys import with_keys
from lung_cxr.imaging.emr.similar_ids import count_similar_known, count_similar_listed, similar_ids


@pytest.fixture
def similar(secret):
    def find(*numbers, known=(), linked=()) -> set[str]:
        columns = {"patient_id": [number for number, _ in numbers], "export": [export for _, export in numbers]}
        rows = pd.DataFrame(columns | {"study_id": "", "image_path": "a.png"})
        keyed = with_keys(rows, secret, PatientIdRules())
        return set(similar_ids(keyed, linked, {secret.key("patient", number) for number in known}, secret))

    return find


@pytest.mark.parametrize(
    ("earlier", "new"),
    [
        ("00012345", "12345"),
        ("12345", "00012345"),
        ("BN-002", "bn-002"),
        ("BN-002", "BN 002"),
        ("BN-002", "BN002"),
        ("12346", "12,346"),
        ("BN-011", "\u0392N-011"),  # Greek capital beta
    ],
)
def test_the_later_of_two_similar_numbers_is_held_back(similar, earlier, new):
    assert similar((earlier, 1), (new, 2)) == {new}


@pytest.mark.parametrize(
    ("known", "new"), [("00012345", "12345"), ("12345", "0012345"), ("BN-2", "bn-2"), ("A1", "A-1")]
)
def test_a_known_number_is_found_without_its_raw_row(similar, known, new):
    """The catalogue holds keys only; the export of the known number is archived."""
    assert similar((new, 5), known=[known]) == {new}


def test_different_numbers_and_known_numbers_stay(similar):
    assert similar(("12345", 1), ("12340", 1), ("1234", 2), ("BN-1", 1), ("BN-2", 2)) == set()
    assert similar(("00123", 1), ("123", 2), known=["00123", "123"]) == set()


def test_of_new_numbers_in_one_export_none_is_certain(similar):
    assert similar(("00123", 1), ("123", 1)) == {"00123", "123"}
    assert similar(("00123", 1), ("123", 1), known=["123"]) == {"00123"}


def test_linked_numbers_are_settled(similar):
    assert similar(("00123", 1), ("123", 2), linked=[("00123", "123")]) == set()
    assert similar(("00123", 1), ("123", 1), linked=[("00123", "123")]) == set()


def test_missing_numbers_are_not_similar(similar):
    assert similar(("", 1), ("NULL", 1), ("7", 1)) == set()


@pytest.mark.parametrize(
    ("known", "linked", "count"),
    [
        (["00123", "123", "7"], (), 2),
        (["00123", "123", "0123"], [("00123", "123")], 2),
        (["00123", "123"], [("00123", "123")], 0),
        (["123"], (), 0),
    ],
)
def test_patients_who_are_double_already_are_counted(secret, known, linked, count):
    numbers = ["00123", "123", "0123", "7", ""]
    rows = pd.DataFrame({"patient_id": numbers, "export": 1, "study_id": "", "image_path": "a.png"})
    keyed = with_keys(rows, secret, PatientIdRules())
    assert count_similar_known(keyed, linked, {secret.key("patient", number) for number in known}, secret) == count


@pytest.mark.parametrize(
    ("listed", "numbers", "known", "count"),
    [
        (["123"], ["00123"], [], 1),  # Excel dropped the zeros of the list
        (["123"], [], ["00123"], 1),  # archived export
        (["123", "00123"], ["00123"], ["00123"], 0),  # linked numbers: both are listed
        (["123"], ["123", "00123"], [], 0),
        (["bn-1", "9"], ["BN 1"], [], 1),
        (["9"], ["8"], ["7"], 0),  # erased before
    ],
)
def test_a_listed_number_in_another_spelling_is_counted(secret, listed, numbers, known, count):
    keys = {secret.key("patient", number) for number in known}
    assert count_similar_listed({number: [number] for number in listed}, numbers, keys, secret) == count


def test_a_spelling_of_an_earlier_catalogue_is_no_other_number(secret):
    rules = PatientIdRules(8)
    listed = {"00012345": ["00012345", *rules.other_spellings("00012345")]}
    assert count_similar_listed(listed, [], {secret.key("patient", "12345")}, secret) == 0
