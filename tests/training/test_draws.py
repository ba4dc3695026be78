import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import AugmentationParameters
from lung_cxr.training.data.sampling import (
    IDENTITY,
    AugmentationDraws,
    ImageOrder,
    augmented_classes,
    batches_per_epoch,
)

LABELS = np.repeat(np.arange(7), [40, 20, 10, 5, 3, 2, 1])  # 81 images, a long tail
RARE = np.flatnonzero(LABELS > 0)


def order(sampling="balanced", seed=3, labels=LABELS, batch_size=8) -> ImageOrder:
    return ImageOrder(labels, sampling, batch_size, seed)


def augmentation(**changes) -> AugmentationDraws:
    settings = {
        "classes": "all_but_largest",
        "rotation": 10,
        "brightness": (0.8, 1.2),
        "contrast": (0.9, 1.1),
        "bank": None,
    }
    return AugmentationDraws(AugmentationParameters(**{**settings, **changes}), LABELS, seed=3)


@pytest.mark.parametrize(("images", "batches"), [(1, 1), (8, 1), (9, 2), (81, 11)])
def test_batches_per_epoch(images, batches):
    assert batches_per_epoch(images, 8) == batches


def test_natural_sampling_shows_every_image_once_in_another_order_each_epoch():
    first, second = order("natural").of_epoch(1), order("natural").of_epoch(2)
    assert sorted(first) == sorted(second) == list(range(81))
    assert not np.array_equal(first, second)


def test_balanced_sampling_fills_as_many_batches_as_natural():
    assert len(order().of_epoch(1)) == batches_per_epoch(81, 8) * 8


def test_balanced_sampling_draws_classes_uniformly():
    shown = np.concatenate([order().of_epoch(epoch) for epoch in range(1, 101)])
    counts = np.bincount(LABELS[shown], minlength=7)
    expected = len(shown) / 7
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # chi-square, 6 degrees of freedom, p = 0.001


def test_a_class_that_is_not_there_is_not_drawn():
    labels = LABELS[LABELS != 3]
    assert set(labels[order(labels=labels).of_epoch(1)]) == set(range(7)) - {3}


@pytest.mark.parametrize("label", [1, 4, 6])
def test_each_class_is_gone_through_completely_before_it_repeats_also_across_epochs(label):
    shown = np.concatenate([order().of_epoch(epoch) for epoch in range(1, 12)])
    of_class = shown[LABELS[shown] == label]
    members = set(np.flatnonzero(np.equal(LABELS, label)))
    cycles = [of_class[at : at + len(members)] for at in range(0, len(of_class), len(members))]
    assert len(cycles) > 4
    assert all(set(cycle) == members for cycle in cycles[:-1])
    assert len({tuple(cycle) for cycle in cycles[:-1]}) > 1 or len(members) == 1


def test_an_epoch_depends_on_seed_and_number_alone():
    late = order().of_epoch(9)
    warm = order()
    for epoch in range(1, 9):
        warm.of_epoch(epoch)
    assert np.array_equal(warm.of_epoch(9), late)
    assert not np.array_equal(order(seed=4).of_epoch(9), late)


def test_draws_lie_in_the_ranges_of_table_2_and_fill_them():
    shown = np.resize(RARE, 4000)
    angle, brightness, contrast = augmentation().of_epoch(shown, epoch=1, stage=0).T
    for values, low, high in [(angle, -10, 10), (brightness, 0.8, 1.2), (contrast, 0.9, 1.1)]:
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high >= values.max() > high - 0.02 * (high - low)


def test_only_minority_classes_are_augmented():
    shown = np.arange(81)
    drawn = augmentation().of_epoch(shown, 1, 0)
    largest = LABELS[shown] == 0
    assert (drawn[largest] == IDENTITY).all()
    assert (drawn[~largest] != IDENTITY).all()


def test_fresh_draws_change_with_every_showing_and_do_not_depend_on_the_stage():
    shown = np.full(20, 80)
    drawn = augmentation().of_epoch(shown, 1, 0)
    assert len(np.unique(drawn, axis=0)) == 20
    assert np.array_equal(drawn, augmentation().of_epoch(shown, 1, 3))
    assert not np.array_equal(drawn, augmentation().of_epoch(shown, 2, 0))


def test_a_bank_holds_k_copies_of_each_image_per_stage():
    banked = augmentation(bank=3)
    epochs = [banked.of_epoch(np.full(50, 80), epoch, stage=1) for epoch in (1, 2)]
    copies = np.unique(np.concatenate(epochs), axis=0)
    assert len(copies) == 3, "K copies, the same in every epoch of the stage"
    later = np.unique(banked.of_epoch(np.full(50, 80), 3, stage=2), axis=0)
    assert not np.isin(later, copies).any(), "a new stage has a new bank"
    other = np.unique(banked.of_epoch(np.full(50, 79), 1, stage=1), axis=0)
    assert not np.isin(other, copies).any(), "each image has its own"


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (None, []),
        ("all_but_largest", [1, 2, 3, 4, 5, 6]),
        (["Atelectasis", "COVID-19"], [6, 1]),
    ],
)
def test_augmented_classes(classes, expected):
    assert list(augmented_classes(classes, LABELS)) == expected


@pytest.mark.parametrize("changes", [{"classes": ["Pneumonitis"]}, {"brightness": (1.2, 0.8)}, {"contrast": (-0.1, 1)}])
def test_impossible_settings_are_refused_before_anything_runs(changes):
    with pytest.raises(ValueError, match="augmentation"):
        augmentation(**changes)


def test_the_largest_class_is_counted_in_training_not_by_name():
    labels = np.array([DISEASES.index("Tuberculosis")] * 3 + [0, 1])
    assert list(augmented_classes("all_but_largest", labels)) == [0, 1, 3, 4, 5, 6]


def test_the_random_streams_are_those_of_the_first_release():
    """A change here changes every run: raise TRAINING_VERSION with it."""
    assert order().of_epoch(2)[:8].tolist() == GOLDEN_ORDER
    assert order("natural").of_epoch(2)[:8].tolist() == GOLDEN_PERMUTATION
    drawn = augmentation().of_epoch(np.array([80, 0]), 2, 0)
    assert drawn == pytest.approx(np.array(GOLDEN_DRAWS, dtype=np.float32), rel=1e-6)
    banked = augmentation(bank=2).of_epoch(np.array([80, 0]), 2, 1)
    assert banked == pytest.approx(np.array(GOLDEN_BANK, dtype=np.float32), rel=1e-6)


GOLDEN_ORDER = [80, 77, 61, 71, 80, 58, 17, 79]
GOLDEN_PERMUTATION = [37, 50, 65, 30, 24, 31, 15, 61]
GOLDEN_DRAWS = [[2.141551, 1.074473, 1.057699], [0.0, 1.0, 1.0]]
GOLDEN_BANK = [[-7.707148, 0.878939, 0.937988], [0.0, 1.0, 1.0]]
