"""Logit adjustment: known posteriors, the choice of τ on validation, and metrics over parts and seeds."""

import numpy as np
import pandas as pd
import pytest

from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.logit_adjustment import TAUS, adjusted, choose_tau, evaluate_adjustment, tau_of

SHARES = np.array([0.6, 0.1, 0.1, 0.1, 0.05, 0.05, 0.0])


def test_tau_1_gives_the_posterior_of_equally_frequent_classes():
    likelihood = np.random.default_rng(0).dirichlet(np.ones(7), 5)
    likelihood[:, 6] = 0
    posterior = likelihood * SHARES / (likelihood * SHARES).sum(axis=1, keepdims=True)
    expected = likelihood / likelihood.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(adjusted(posterior, SHARES, 1.0), expected)
    np.testing.assert_allclose(adjusted(posterior, SHARES, 0.0), posterior)


def biased(strength, images=2000, seed=0):
    """Return predictions whose logits are too high by `strength` · ln share: the right τ is `strength`."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(6, size=images)
    logits = 2.0 * np.eye(7)[truth] + generator.normal(size=(images, 7))
    logits[:, 6] = -20
    logits[:, :6] += strength * np.log(SHARES[:6])
    raw = np.exp(logits)
    frame = pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), columns=list(PROBABILITY_COLUMNS))
    subsets = np.where(np.arange(images) % 2, "validation", "test")
    return truth, frame.assign(label=[DISEASES[index] for index in truth], subset=subsets)


@pytest.mark.parametrize("strength", [-1.0, 0.0, 1.0])
def test_tau_undoes_a_known_bias(strength):
    truth, frame = biased(strength)
    raw = frame[list(PROBABILITY_COLUMNS)].to_numpy()
    assert choose_tau(truth, raw, SHARES) == pytest.approx(strength, abs=0.25)
    numbers = evaluate_adjustment([[(frame, SHARES)]])
    test = (frame["subset"] == "test").to_numpy()
    assert numbers["tau"] == tau_of(frame, SHARES)
    assert numbers["accuracy_adjusted"] >= (raw.argmax(axis=1) == truth)[test].mean() - 0.02


def test_of_equal_scores_the_smallest_change_is_chosen():
    raw = np.eye(7)[[0, 1, 2]] * 0.999 + 0.001 / 7
    assert choose_tau(np.array([0, 1, 2]), raw, SHARES) == 0.0
    assert [abs(tau) for tau in TAUS] == sorted(abs(tau) for tau in TAUS)


def test_parts_have_their_own_tau_and_seeds_are_averaged():
    _, low = biased(0.0, seed=1)
    _, high = biased(1.0, seed=2)
    alone = [evaluate_adjustment([[(frame, SHARES)]]) for frame in (low, high)]
    parts = evaluate_adjustment([[(low, SHARES), (high, SHARES)]])
    seeds = evaluate_adjustment([[(low, SHARES)], [(high, SHARES)]])
    mean = np.mean([numbers["accuracy_adjusted"] for numbers in alone])
    assert parts["accuracy_adjusted"] == pytest.approx(mean)
    assert seeds["accuracy_adjusted"] == pytest.approx(mean)
    assert parts["tau"] == pytest.approx(np.mean([numbers["tau"] for numbers in alone]))


def test_without_validation_images_the_numbers_are_undefined():
    _, frame = biased(0.0)
    numbers = evaluate_adjustment([[(frame[frame["subset"] == "test"], SHARES)]])
    assert np.isnan(numbers["tau"])
    assert numbers["tau_reason"] == "no validation image chooses tau"
