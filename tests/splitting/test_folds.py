"""Folds of patients: balanced, permanent, and one split for each."""

import logging

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from lung_cxr.diseases import DISEASES
from lung_cxr.parameters import SplittingParameters
from lung_cxr.splitting.assign import assign_patients
from lung_cxr.splitting.folds import assign_folds, fold_splits
from lung_cxr.splitting.split import split_images

FRACTIONS = {"train": 0.8, "validation": 0.1, "test": 0.1}
OTHERS = {"seed": 1, "fractions": FRACTIONS, "workers": 1}


def settings(folds=5, outer=False):
    return SplittingParameters(**OTHERS, folds=None if outer else folds, outer_folds=folds if outer else None)


@pytest.fixture
def manifest(manifest_of):
    """400 patients with one to several images of one class, in two exports."""
    rng = np.random.default_rng(0)
    images = []
    for patient in range(400):
        label = DISEASES[rng.choice(7, p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.06, 0.04])]
        images += [(patient, label, 1 + patient // 300)] * int(rng.geometric(0.6))
    return manifest_of(images)


@pytest.fixture
def subsets(manifest):
    return assign_patients(manifest, None, seed=7, fractions=FRACTIONS)


def assigned(manifest, subsets, previous=None, folds=5):
    return assign_folds(manifest, subsets, previous, folds=folds, seed=7)


def counts(manifest, table):
    fold = manifest["patient_key"].map(table.set_index("patient_key")["fold"])
    return pd.crosstab(manifest["label"], fold)


def test_every_class_is_balanced_over_the_folds_with_and_without_the_test_set(manifest, subsets):
    table = assigned(manifest, subsets)
    tested = subsets.loc[subsets["subset"] == "test", "patient_key"]
    for part in (manifest, manifest[~manifest["patient_key"].isin(tested)]):
        found = counts(part, table)
        assert found.shape == (7, 5)
        assert (found.max(axis=1) - found.min(axis=1)).max() <= 5


def test_folds_are_permanent_and_new_patients_are_appended(manifest, subsets):
    first = manifest[manifest["export"] == 1]
    before = assigned(first, subsets)
    after = assigned(manifest, subsets, before)
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
    assert set(after["patient_key"]) == set(manifest["patient_key"])
    pd.testing.assert_frame_equal(assigned(manifest.sample(frac=1, random_state=1), subsets, after), after)


def test_without_folds_the_table_stays_and_another_number_assigns_all_again(manifest, subsets, caplog):
    assert assigned(manifest, subsets, folds=None).empty
    five = assigned(manifest, subsets)
    pd.testing.assert_frame_equal(assigned(manifest, subsets, five, folds=None), five)
    with caplog.at_level(logging.WARNING):
        three = assigned(manifest, subsets, five, folds=3)
    assert set(three["fold"]) == {1, 2, 3}
    assert "3 folds instead of 5" in caplog.text


@pytest.mark.parametrize("rotate_test", [False, True])
def test_each_patient_is_held_out_exactly_once(manifest, subsets, rotate_test):
    split = split_images(manifest, subsets)
    held_out = "test" if rotate_test else "validation"
    splits = dict(fold_splits(split, assigned(manifest, subsets), settings(outer=rotate_test)))
    assert list(splits) == [1, 2, 3, 4, 5]
    rows = pd.concat([one[one["subset"] == held_out] for one in splits.values()])
    expected = split if rotate_test else split[split["subset"] != "test"]
    assert sorted(rows["image_id"]) == sorted(expected["image_id"])
    for one in splits.values():
        assert one["image_id"].equals(split["image_id"]), "the rows are those of the pixel array"
        assert one.groupby("patient_key")["subset"].nunique().max() == 1
        shares = one["subset"].value_counts(normalize=True)
        assert shares["train"] == pytest.approx(0.6 if rotate_test else 0.72, abs=0.03)
        if not rotate_test:
            assert one.loc[split["subset"] == "test", "subset"].eq("test").all()


@pytest.mark.parametrize("table", [None, "of 4 folds", "incomplete"])
def test_a_table_that_does_not_fit_is_an_error_that_says_what_to_do(manifest, subsets, table):
    tables = {"of 4 folds": assigned(manifest, subsets, folds=4), "incomplete": assigned(manifest, subsets).iloc[5:]}
    with pytest.raises(ValueError, match="--pipelines splitting"):
        list(fold_splits(split_images(manifest, subsets), tables.get(table), settings()))


def test_no_folds_or_two_kinds_are_an_error(manifest, subsets):
    with pytest.raises(ValueError, match=r"splitting\.folds and splitting\.outer_folds are null"):
        list(fold_splits(split_images(manifest, subsets), None, settings(folds=None)))
    with pytest.raises(ValidationError, match="both set"):
        SplittingParameters(**OTHERS, folds=5, outer_folds=5)
