import numpy as np

from lung_cxr.splitting.balance import Tally, place_patients

SHARES = (0.8, 0.1, 0.1)


def place(images, tally=None, patients=None, draws=None, labels=None):
    """Place patients with these images; by default two patients of each class are in every subset already."""
    images = np.array(images)
    classes = images.shape[1]
    tally = Tally(
        np.zeros((classes, 3), dtype=np.int64) if tally is None else np.array(tally),
        np.full((classes, 3), 2) if patients is None else np.array(patients),
    )
    draws = np.zeros(len(images), dtype=np.uint64) if draws is None else np.array(draws, dtype=np.uint64)
    labels = images.argmax(axis=1) if labels is None else np.array(labels)
    return place_patients(images, labels, draws, tally, SHARES).tolist(), tally


def test_the_subset_that_lacks_most_comes_first():
    assert place([[1]], tally=[[80, 12, 7]])[0] == [2]
    assert place([[1]], tally=[[70, 12, 12]])[0] == [0]


def test_the_tally_counts_what_was_placed():
    subset, tally = place([[2], [1]], tally=[[8, 1, 1]])
    assert subset == [0, 0]
    assert tally.images.tolist() == [[11, 1, 1]]
    assert tally.patients.tolist() == [[4, 2, 2]]


def test_larger_patients_go_first_and_the_smallest_fill_the_gaps():
    subset, _ = place([[1], [1], [9]])
    assert subset[2] == 0
    assert sorted(subset[:2]) == [1, 2]


def test_the_draw_decides_between_validation_and_test():
    assert place([[1]], tally=[[16, 1, 1]], draws=[0])[0] == [1]
    assert place([[1]], tally=[[16, 1, 1]], draws=[1])[0] == [2]


def test_the_draw_orders_patients_of_equal_size():
    one, _ = place([[1]] * 3, draws=[0, 2, 4])
    other, _ = place([[1]] * 3, draws=[4, 2, 0])
    assert one == other[::-1]


def test_a_rare_class_outweighs_a_common_one():
    tally = [[800, 100, 99], [7, 1, 2]]  # the common class lacks a test image, the rare one a training image
    assert place([[1, 1]], tally=tally)[0] == [0]


def test_the_last_patients_of_a_class_go_where_it_is_missing():
    tally = [[1, 0, 0]]  # by the shares alone, the second of these two would train
    assert sorted(place([[1], [1]], tally=tally)[0]) == [1, 2]


def test_of_two_conflicting_classes_the_one_the_patient_counts_for_is_covered():
    tally = [[1, 1, 0], [1, 0, 1]]
    assert place([[1, 1]], tally=tally, patients=tally, labels=[1])[0] == [1]
    assert place([[1, 1]], tally=tally, patients=tally, labels=[0])[0] == [2]


def test_a_class_is_covered_by_patients_that_count_for_it_not_only_by_others_images():
    assert place([[1]], tally=[[10, 1, 0]], patients=[[8, 0, 1]])[0] == [1]
