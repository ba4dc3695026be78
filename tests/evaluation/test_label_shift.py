"""Adjustment to other class shares: a Bayes-optimal classifier of seven Gaussians, whose answer is known."""

import numpy as np
import pytest

from lung_cxr.evaluation.label_shift import adjust, estimate_shares

ASSUMED = np.array([0.3, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1])
NEW = np.array([0.05, 0.05, 0.4, 0.2, 0.1, 0.15, 0.05])


def posterior(x, shares):
    """p(y|x) of seven Gaussians of unit variance at the corners 2·e_y."""
    likelihood = np.exp(-0.5 * ((x[:, None, :] - 2 * np.eye(7)) ** 2).sum(axis=2))
    joint = likelihood * shares
    return joint / joint.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(0)
    truth = generator.choice(7, size=20_000, p=NEW)
    return 2 * np.eye(7)[truth] + generator.normal(size=(20_000, 7))


def test_adjusted_probabilities_are_those_of_a_model_for_the_new_shares(images):
    assert adjust(posterior(images, ASSUMED), ASSUMED, NEW) == pytest.approx(posterior(images, NEW))


def test_the_new_shares_are_found_from_unlabelled_images(images):
    assert estimate_shares(posterior(images, ASSUMED), ASSUMED) == pytest.approx(NEW, abs=0.012)


def test_a_class_that_training_never_had_keeps_probability_zero():
    assumed = np.array([0.5, 0.5, 0, 0, 0, 0, 0])
    adjusted = adjust(np.array([[0.8, 0.2, 0, 0, 0, 0, 0]]), assumed, np.full(7, 1 / 7))
    assert adjusted[0] == pytest.approx([0.8, 0.2, 0, 0, 0, 0, 0])
