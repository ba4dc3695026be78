import numpy as np
import pytest

from lung_cxr.training.data.class_weights import (
    class_counts,
    constant_prediction_loss,
    effective_weights,
    loss_weights,
    sampling_shares,
)

COUNTS = np.array([60, 20, 10, 4, 3, 2, 1])


def test_class_counts_have_a_place_for_every_class():
    assert class_counts(np.array([0, 0, 3])).tolist() == [2, 0, 0, 1, 0, 0, 0]


def test_equation_14():
    weights = loss_weights(COUNTS, "inverse_frequency")
    assert weights == pytest.approx([100 / (7 * n) for n in COUNTS])
    assert (weights * COUNTS).sum() == pytest.approx(COUNTS.sum())


def test_a_class_without_images_weighs_nothing_and_is_not_counted():
    weights = loss_weights(np.array([6, 2, 0, 0, 0, 0, 0]), "inverse_frequency")
    assert weights.tolist() == [8 / (2 * 6), 8 / (2 * 2), 0, 0, 0, 0, 0]


def test_the_effective_number_of_images():
    counts = np.array([1, 2, 3, 0, 0, 0, 0])
    weights = loss_weights(counts, "effective_number", 0.5)
    assert weights == pytest.approx(3 * np.array([1, 2 / 3, 4 / 7, 0, 0, 0, 0]) / (1 + 2 / 3 + 4 / 7))
    assert loss_weights(counts, "effective_number", 0.0).tolist() == [1, 1, 1, 0, 0, 0, 0]
    near_one = loss_weights(COUNTS, "effective_number", 1 - 1e-9)
    assert near_one / near_one[0] == pytest.approx(COUNTS[0] / COUNTS, rel=1e-6)


def test_without_weights_every_image_counts_alike():
    assert loss_weights(COUNTS, "none").tolist() == [1] * 7


@pytest.mark.parametrize(
    ("sampling", "weights", "ratio"),
    [
        ("natural", "none", 1 / 60),  # of the rarest to the largest class
        ("natural", "inverse_frequency", 1),
        ("balanced", "none", 1),
        ("balanced", "inverse_frequency", 60),  # the paper's setting corrects twice
    ],
)
def test_effective_weights(sampling, weights, ratio):
    effective = effective_weights(sampling_shares(COUNTS, sampling), loss_weights(COUNTS, weights))
    assert effective.sum() == pytest.approx(1)
    assert effective[6] / effective[0] == pytest.approx(ratio)


def test_no_constant_prediction_has_a_lower_training_loss():
    shares, weights = sampling_shares(COUNTS, "balanced"), loss_weights(COUNTS, "inverse_frequency")
    lowest = constant_prediction_loss(shares, weights)
    for constant in np.random.default_rng(0).dirichlet(np.ones(7), size=200):
        assert -(shares * weights * np.log(constant)).sum() >= lowest
    uniform = constant_prediction_loss(sampling_shares(COUNTS, "balanced"), loss_weights(COUNTS, "none"))
    assert uniform == pytest.approx(np.log(7))
