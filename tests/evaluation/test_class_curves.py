import numpy as np
import pytest

from lung_cxr.diseases import DISEASES
from lung_cxr.evaluation.class_curves import POINTS, THRESHOLDS, class_curves, net_benefit
from lung_cxr.report.figures.clinical_figures import predictive_value


def test_net_benefit_weighs_false_positives_by_the_odds_of_the_threshold():
    """Vickers and Elkin 2006: 100 of 1,000 have the disease; 80 are found with 200 false positives at 20 %."""
    own, called = np.zeros(1000, bool), np.zeros(1000, bool)
    own[:100], called[:80], called[100:300] = True, True, True
    assert net_benefit(own, called, 0.2) == pytest.approx(80 / 1000 - 200 / 1000 * 0.25)
    assert net_benefit(own, ~np.zeros(1000, bool), 0.1) == pytest.approx(0)  # treat all, at the prevalence


def test_a_perfect_model_has_the_prevalence_as_its_net_benefit_at_every_threshold():
    truth = np.arange(700) % 7
    curves = class_curves(truth, np.eye(7)[truth])
    assert list(curves) == list(DISEASES)
    for one in curves.values():
        assert one["net_benefit"] == pytest.approx([1 / 7] * len(THRESHOLDS), abs=1e-4)
        assert (one["fpr"][0], one["tpr"][-1], one["prevalence"]) == (0, 1, pytest.approx(1 / 7))


def test_curves_are_thinned_and_classes_without_images_have_none():
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 6, 900)
    curves = class_curves(truth, generator.dirichlet(np.ones(7), 900))
    assert DISEASES[6] not in curves
    assert all(len(one[name]) <= POINTS for one in curves.values() for name in ("fpr", "tpr", "recall", "precision"))


def test_predictive_values_follow_from_bayes_theorem():
    numbers = {"sensitivity": 0.9, "specificity": 0.8}
    at = np.array([0.01, 0.5])
    assert predictive_value("PPV", numbers, at) == pytest.approx([0.009 / 0.207, 0.45 / 0.55])
    assert predictive_value("NPV", numbers, at) == pytest.approx([0.792 / 0.793, 0.4 / 0.45])
