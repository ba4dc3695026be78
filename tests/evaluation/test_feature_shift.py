import numpy as np
import pytest

from lung_cxr.evaluation.feature_shift import Features, feature_shift

SETTINGS = {"n_resamples": 200, "confidence": 0.95, "seed": 0}


def side(images: int, seed: int, shift: float = 0.0, shares=(0.5, 0.5)) -> Features:
    """Two images of each patient; the class moves the first feature far, the hospital the second one by `shift`."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(generator.choice(2, p=shares, size=images // 2), 2)
    values = generator.normal(size=(images, 8))
    values[:, 0] += 4 * labels
    values[:, 1] += shift
    return Features(values, labels, np.repeat(np.arange(images // 2), 2).astype(str))


def test_hospitals_with_one_distribution_are_not_told_apart():
    found = feature_shift(side(200, 1), side(300, 2), **SETTINGS)
    assert found["auroc_low"] < 0.5 < found["auroc_high"]
    assert (found["internal_images"], found["external_images"]) == (200, 300)


def test_other_class_shares_alone_are_no_shift():
    found = feature_shift(side(400, 1, shares=(0.9, 0.1)), side(400, 2, shares=(0.1, 0.9)), **SETTINGS)
    assert found["auroc_low"] < 0.5 < found["auroc_high"]


def test_a_shift_by_two_standard_deviations_has_the_auroc_of_two_normal_distributions():
    found = feature_shift(side(600, 1), side(600, 2, shift=2.0), **SETTINGS)
    assert found["auroc"] == pytest.approx(0.921, abs=0.03)  # Φ(2 / √2)
    assert found["auroc_low"] < found["auroc"] < found["auroc_high"]


def test_too_few_patients_of_shared_classes_are_a_reason():
    few = side(8, 1)
    found = feature_shift(few, side(100, 2), **SETTINGS)
    assert np.isnan(found["auroc"])
    assert found["auroc_reason"] == "needs 5 patients or more at each hospital"
    other = Features(few.values, few.labels + 5, few.patients)
    assert feature_shift(other, side(100, 2), **SETTINGS)["internal_images"] == 0


def test_few_images_of_one_distribution_are_0_5_on_average():
    """Single samples scatter widely: the classifier has few images to learn from."""
    found = [feature_shift(side(40, seed), side(40, seed + 50), 2, 0.95, seed)["auroc"] for seed in range(4)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)
