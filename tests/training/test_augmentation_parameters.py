import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import AugmentationParameters
from lung_cxr.training.data.augmentation_parameters import NO_AUGMENTATION, AugmentationSampler, augmented_classes

LABELS = np.repeat(np.arange(7), [40, 20, 10, 5, 3, 2, 1])  # 81 images, a long tail
RARE = np.flatnonzero(LABELS > 0)


def augmentation(**changes) -> AugmentationSampler:
    settings = {
        "classes": "all_but_largest",
        "rotation": 10,
        "brightness": (0.8, 1.2),
        "contrast": (0.9, 1.1),
        "bank": None,
        "unchanged_share": 0,
    }
    return AugmentationSampler(AugmentationParameters(**{**settings, **changes}), LABELS, seed=3)


def test_the_parameters_fill_the_ranges_of_table_2():
    shown = np.resize(RARE, 4000)
    angle, brightness, contrast = augmentation().of_epoch(shown, epoch=1, stage=0).T
    for values, low, high in [(angle, -10, 10), (brightness, 0.8, 1.2), (contrast, 0.9, 1.1)]:
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high >= values.max() > high - 0.02 * (high - low)


def test_only_minority_classes_are_augmented():
    shown = np.arange(81)
    drawn = augmentation().of_epoch(shown, 1, 0)
    largest = LABELS[shown] == 0
    assert (drawn[largest] == NO_AUGMENTATION).all()
    assert (drawn[~largest] != NO_AUGMENTATION).all()


def test_without_a_bank_each_sample_has_its_own_parameters_in_any_stage():
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


@pytest.mark.parametrize("bank", [None, 3])
def test_a_share_of_the_samples_is_unchanged_and_the_others_keep_their_parameters(bank):
    shown = np.resize(RARE, 4000)
    all_augmented, some = (augmentation(bank=bank, unchanged_share=share).of_epoch(shown, 2, 1) for share in (0, 0.25))
    unchanged = (some == NO_AUGMENTATION).all(axis=1)
    assert unchanged.mean() == pytest.approx(0.25, abs=0.02)
    assert np.array_equal(some[~unchanged], all_augmented[~unchanged])
    next_epoch = augmentation(bank=bank, unchanged_share=0.25).of_epoch(shown, 3, 1)
    assert ((next_epoch == NO_AUGMENTATION).all(axis=1) != unchanged).any(), "drawn in each epoch"
    assert (augmentation(bank=bank, unchanged_share=1).of_epoch(shown, 2, 1) == NO_AUGMENTATION).all()


@pytest.mark.parametrize("changes", [{"classes": ["Pneumonitis"]}, {"brightness": (1.2, 0.8)}, {"contrast": (-0.1, 1)}])
def test_impossible_ranges_are_refused(changes):
    with pytest.raises(ValueError, match="augmentation"):
        augmentation(**changes)


def test_the_largest_class_is_counted_in_training_not_by_name():
    labels = np.array([DISEASES.index("Tuberculosis")] * 3 + [0, 1])
    assert list(augmented_classes("all_but_largest", labels)) == [0, 1, 3, 4, 5, 6]


def test_the_random_streams_are_those_of_the_first_release():
    """A change here changes every run: raise TRAINING_VERSION with it."""
    fresh = augmentation().of_epoch(np.array([80, 0]), 2, 0)
    assert fresh == pytest.approx(np.array(GOLDEN_FRESH, dtype=np.float32), rel=1e-6)
    banked = augmentation(bank=2).of_epoch(np.array([80, 0]), 2, 1)
    assert banked == pytest.approx(np.array(GOLDEN_BANK, dtype=np.float32), rel=1e-6)


GOLDEN_FRESH = [[2.141551, 1.074473, 1.057699], [0.0, 1.0, 1.0]]
GOLDEN_BANK = [[-7.707148, 0.878939, 0.937988], [0.0, 1.0, 1.0]]
