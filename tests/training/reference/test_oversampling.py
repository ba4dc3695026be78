"""Oversampling on features: balanced classes, rows between images of one class, classes with very few images."""

import numpy as np
import pytest

from lung_cxr.training.reference.linear_classifier import Labelled
from lung_cxr.training.reference.oversampling import oversampled

pytest.importorskip("imblearn", reason="imbalanced-learn is optional: pip install lung_cxr[oversampling]")
COUNTS = [30, 8, 3, 1]


@pytest.fixture(scope="module")
def train():
    truth = np.repeat(np.arange(4), COUNTS)
    noise = np.random.default_rng(0).normal(size=(len(truth), 5))
    return Labelled((noise + truth[:, None]).astype(np.float32), truth)


def test_smote_makes_rare_classes_as_large_as_the_largest(train, caplog):
    made = oversampled(train, "smote", seed=1)
    assert np.bincount(made.truth).tolist() == [30, 30, 30, 1]
    assert "Not oversampled, as there is one training image: Pleural Effusion" in caplog.text
    assert made.features.dtype == np.float32
    np.testing.assert_array_equal(made.features[: len(train.truth)], train.features)
    ours, own = made.features[made.truth == 2], train.features[train.truth == 2]
    assert (ours.min(axis=0) >= own.min(axis=0) - 1e-6).all(), "interpolated, not extrapolated"
    assert (ours.max(axis=0) <= own.max(axis=0) + 1e-6).all()
    np.testing.assert_array_equal(made.features, oversampled(train, "smote", seed=1).features)


def test_adasyn_makes_them_about_as_large(train):
    counts = np.bincount(oversampled(train, "adasyn", seed=1).truth)
    assert counts[[0, 3]].tolist() == [30, 1]
    assert np.abs(counts[1:3] - 30).max() <= 3


def test_without_a_method_or_a_rare_class_nothing_changes(train):
    assert oversampled(train, "none", seed=1) is train
    equal = Labelled(train.features[:30], np.arange(30) % 2)
    assert oversampled(equal, "smote", seed=1) is equal
