import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.splitting.assignments import PatientSubsetsError, check_against_split, checked_assignments


def assignments(key, *subsets):
    rows = [(key(patient), subset, 1, "Pneumonia") for patient, subset in enumerate(subsets)]
    return pd.DataFrame(rows, columns=list(contracts.patient_subsets.columns))


def split(key, *subsets):
    rows = [
        (key((patient, image)), key(patient), "Pneumonia", subset)
        for patient, subset in enumerate(subsets)
        for image in "ab"
    ]
    return pd.DataFrame(rows, columns=list(contracts.split.columns))


def test_assignments_that_agree_with_the_split_pass(key):
    check_against_split(assignments(key, "train", "test", "validation"), split(key, "train", "test"))
    check_against_split(checked_assignments(None), None)


def test_lost_and_moved_patients_of_the_split_are_counted_and_named(key):
    changed = assignments(key, "test", "test")
    with pytest.raises(PatientSubsetsError, match=r"of 3 patients 1 have no subset and 1 have another") as error:
        check_against_split(changed, split(key, "train", "test", "validation"))
    assert key(0) in str(error.value)
    assert key(2) in str(error.value)
    assert key(1) not in str(error.value)


def test_deleted_assignments_beside_a_split_are_refused(key):
    with pytest.raises(PatientSubsetsError, match="of 2 patients 2 have no subset"):
        check_against_split(checked_assignments(None), split(key, "train", "test"))
