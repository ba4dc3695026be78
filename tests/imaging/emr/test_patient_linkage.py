import itertools

import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.imaging.emr.exports import Export
from lung_cxr.imaging.emr.identifiers import PatientIdRules
from lung_cxr.imaging.emr.patient_linkage import PatientLists, merge_patients, read_patient_lists
from lung_cxr.imaging.emr.tables import TableError


@pytest.fixture
def lists(tmp_path):
    """Writes both lists beside the exports and reads them."""
    export = Export("2026-01", tmp_path / "2026-01", synthetic=True)
    export.folder.mkdir()

    def read(withdrawn: str | None = None, aliases: str | None = None, folder: str = ".") -> PatientLists:
        for name, text in (("withdrawn.csv", withdrawn), ("patient_aliases.csv", aliases)):
            if text is not None:
                (tmp_path / folder / name).write_text(text, encoding="utf-8-sig")
        return read_patient_lists([export], tmp_path, PatientIdRules(4))

    return read


def assignments_of(secret, *assigned) -> pd.DataFrame:
    rows = [(secret.key("patient", number), subset, export, "Pneumonia") for number, subset, export in assigned]
    return pd.DataFrame(rows, columns=list(contracts.patient_subsets.columns))


def test_missing_lists_are_empty(lists):
    assert lists() == PatientLists()


@pytest.mark.parametrize("folder", [".", "2026-01"])
def test_lists_lie_beside_or_in_an_export_and_are_normalised_like_rows(lists, folder):
    found = lists("patient_id;note\n 7 ;x\n0008;y\n", "patient_id,merged_into\n9,8\n", folder)
    assert found.withdrawn == {"0007", "0008", "0009"}
    assert found.listed == 2
    assert found.linked_ids == (("0008", "0009"),)


def test_a_root_that_is_the_only_export_is_read_once(tmp_path):
    (tmp_path / "withdrawn.csv").write_text("patient_id\n1\n")
    assert read_patient_lists([Export(".", tmp_path, synthetic=True)], tmp_path, PatientIdRules()).withdrawn == {"1"}


def test_chains_of_merges_are_one_person_whatever_the_order(lists):
    merges = ["A,B", "B,C", "D,C", "E,E", "X,Y"]
    for order in itertools.permutations(merges):
        found = lists(aliases="patient_id,merged_into\n" + "\n".join(order))
        assert found.linked_ids == (("C", "A", "B", "D"), ("Y", "X"))


def test_withdrawing_any_of_a_persons_numbers_withdraws_the_person(lists):
    for number in "ABC":
        found = lists(f"patient_id\n{number}\n", "patient_id,merged_into\nA,B\nB,C\nX,Y\n")
        assert found.withdrawn == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("withdrawn", "aliases", "message"),
    [
        ("PAT-4711\nPAT-4712\n", None, "withdrawn.csv.*no column patient_id"),
        ("patient_id\nPAT-4711\nPAT-4712,PAT-4713\n", None, "1 of 2 rows "),
        (None, "patient_id\nPAT-4711\n", "no column merged_into"),
        (None, "patient_id,merged_into\nPAT-4711,\n", r"1 of 1 rows .*\brow 1\b"),
        (None, "patient_id,merged_into\nPAT-4711,PAT-4712\nPAT-4712,PAT-4711\n", "merges 2 numbers"),
        ("", None, "is empty"),
    ],
)
def test_an_unusable_list_is_one_error_that_quotes_no_value(lists, withdrawn, aliases, message):
    with pytest.raises(TableError, match=message) as error:
        lists(withdrawn, aliases)
    assert "PAT" not in str(error.value)
    assert error.value.__cause__ is None


def merged(lists, secret, aliases, *assigned):
    table = merge_patients(
        lists(aliases=f"patient_id,merged_into\n{aliases}\n"), secret, assignments_of(secret, *assigned)
    )
    keys = {secret.key("patient", number): number for number in "ABCDE"}
    checked = contracts.merged_patients.validate(table).assign(
        patient_key=table["patient_key"].map(keys), person_key=table["person_key"].map(keys)
    )
    for row in checked.itertuples():
        assert row.shift_days == secret.date_shift(row.person_key) - secret.date_shift(row.patient_key)
    return {row.patient_key: (row.person_key, row.excluded) for row in checked.itertuples()}


@pytest.fixture
def lists_as_written(tmp_path):
    export = Export("2026-01", tmp_path / "2026-01", synthetic=True)

    def read(aliases: str) -> PatientLists:
        (tmp_path / "patient_aliases.csv").write_text(aliases)
        return read_patient_lists([export], tmp_path, PatientIdRules())

    return read


def test_without_a_subset_the_number_merged_into_is_canonical(lists_as_written, secret):
    assert merged(lists_as_written, secret, "A,B\nB,C") == {"A": ("C", False), "B": ("C", False)}


def test_the_number_with_a_subset_is_canonical_in_both_directions_of_the_merge(lists_as_written, secret):
    for aliases in ("A,B", "B,A"):
        assert merged(lists_as_written, secret, aliases, ("A", "test", 2)) == {"B": ("A", False)}


def test_within_one_subset_the_number_assigned_first_is_canonical(lists_as_written, secret):
    assigned = (("B", "train", 1), ("A", "train", 2))
    assert merged(lists_as_written, secret, "B,A", *assigned) == {"A": ("B", False)}


def test_a_merge_across_subsets_excludes_the_later_numbers_images(lists_as_written, secret):
    assigned = (("A", "test", 1), ("B", "train", 1), ("C", "test", 3))
    expected = {"B": ("A", True), "C": ("A", False), "D": ("A", False)}
    assert merged(lists_as_written, secret, "A,D\nB,D\nC,D", *assigned) == expected


def test_a_withdrawn_patient_is_not_merged(tmp_path, lists, secret):
    found = lists("patient_id\nA\n", "patient_id,merged_into\nA,B\n")
    assert merge_patients(found, secret, assignments_of(secret)).empty
