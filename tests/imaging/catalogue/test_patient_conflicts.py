import pandas as pd
import pytest

from lung_cxr.imaging.catalogue.patient_conflicts import CONFLICT, CORRECTED, add_patient_conflicts

NONE = float("nan")
COLUMNS = ["patient_key", "pixel_sha256", "source_key", "source_export", "file_key"]


def judge(*images, rejected=()) -> list[list[str]]:
    reasons = [["blurred"] if position in rejected else [] for position in range(len(images))]
    add_patient_conflicts(pd.DataFrame(images, columns=COLUMNS), reasons)
    return reasons


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        # corrected in the same table: the old image has no row any more
        ([("A", "p", "s", NONE, NONE), ("B", "p", "s", 1, "f")], [[CORRECTED], []]),
        ([("B", "p", "s", 1, "f"), ("A", "p", "s", NONE, NONE)], [[], [CORRECTED]]),
        # corrected by a later export with the same path
        ([("A", "p", "s", 1, "f"), ("B", "p", "s", 2, "f")], [[CORRECTED], []]),
        ([("A", "p", "s", 3, "f"), ("B", "p", "s", 2, "f")], [[], [CORRECTED]]),
        # one file, named by two rows of one export
        ([("A", "p", "s", 1, "f"), ("B", "p", "s", 1, "f")], [[CONFLICT], [CONFLICT]]),
        # two files with the same pixels
        ([("A", "p", "s", 1, "f"), ("B", "p", "s", 2, "g")], [[CONFLICT], [CONFLICT]]),
        ([("A", "p", "s", NONE, NONE), ("B", "p", "t", 2, "g")], [[CONFLICT], [CONFLICT]]),
        # corrected twice, and a copy within a patient
        (
            [("A", "p", "s", NONE, NONE), ("B", "p", "s", 1, "f"), ("C", "p", "s", 2, "f")],
            [[CORRECTED], [CORRECTED], []],
        ),
        ([("A", "p", "s", NONE, NONE), ("B", "p", "s", 1, "f"), ("B", "p", "s", 1, "g")], [[CORRECTED], [], []]),
        # one patient, or no pixels: no conflict
        ([("A", "p", "s", 1, "f"), ("A", "p", "s", 2, "g")], [[], []]),
        ([("A", "", "s", 1, "f"), ("B", "", "s", 2, "f")], [[], []]),
    ],
)
def test_the_newest_row_of_a_file_wins_and_everything_else_is_a_conflict(images, expected):
    assert judge(*images) == expected


def test_rejected_images_are_not_compared():
    assert judge(("A", "p", "s", 1, "f"), ("B", "p", "s", 1, "g"), rejected=[0]) == [["blurred"], []]


def test_an_empty_table_has_no_conflict():
    add_patient_conflicts(pd.DataFrame(columns=COLUMNS), [])
