import numpy as np
import pytest
from scipy.special import log_softmax as reference

from lung_cxr.training.validation import log_softmax, validate


def test_the_loss_is_the_unweighted_cross_entropy():
    logits = np.random.default_rng(0).normal(size=(9, 7)) * 5
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 0, 6])
    expected = -reference(logits, axis=1)[np.arange(9), labels].mean()
    assert validate(logits, labels).loss == pytest.approx(expected, rel=1e-12)


def test_large_logits_do_not_overflow():
    logits = np.array([[1e5, 0, 0, 0, 0, 0, 0.0]])
    assert log_softmax(logits)[0, :2].tolist() == [0, -1e5]


def test_macro_f1_is_over_the_classes_that_occur():
    logits = np.eye(7)[[0, 0, 1, 1]]
    result = validate(logits, np.array([0, 0, 1, 0]))
    assert result.accuracy == 0.75
    assert result.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_network_that_has_diverged_validates_as_nan(bad):
    logits = np.zeros((2, 7))
    logits[1, 3] = bad
    assert np.isnan(validate(logits, np.array([0, 1]))).all()
