"""The logistic regression: its penalty, its probabilities, and the weights of the equivalent dense layer."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from lung_cxr.training.reference.linear_classifier import Labelled, fit_linear_classifier

PENALTIES = (0.001, 0.1, 1.0)


def study(images=400, classes=7, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=images)
    features = 40 * (np.eye(7)[truth] + generator.normal(0, 0.5, size=(images, 7)))
    parts = np.split(np.arange(images), [images // 2, 3 * images // 4])
    return [Labelled(features[part], truth[part]) for part in parts]


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_penalty_is_the_one_with_the_lowest_loss_on_validation():
    train, validation, test = study()
    scale = train.features.std()
    fits = [LogisticRegression(C=c, max_iter=5000).fit(train.features / scale, train.truth) for c in PENALTIES]
    chosen = [fit.predict_proba(validation.features / scale)[range(100), validation.truth] for fit in fits]
    best = int(np.argmin([-np.log(p).mean() for p in chosen]))
    ours = fit_linear_classifier(train, validation, PENALTIES, standardise=False)
    assert PENALTIES[best] == ours.fit.C
    np.testing.assert_array_equal(ours.probabilities(test.features), fits[best].predict_proba(test.features / scale))
    assert (ours.probabilities(test.features).argmax(axis=1) == test.truth).mean() > 0.7


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("classes", [7, 2], ids=["all classes", "two classes"])
def test_a_dense_layer_gives_the_same_probabilities(classes, standardise):
    train, validation, test = study(classes=classes)
    fitted = fit_linear_classifier(train, validation, PENALTIES, standardise)
    kernel, bias = fitted.dense_weights(7)
    expected = fitted.probabilities(test.features)
    np.testing.assert_allclose(softmax(test.features @ kernel + bias), expected, atol=1e-5)
    assert (expected[:, classes:] == 0).all(), "a class without a training image"


def test_standardisation_gives_features_of_any_scale_the_same_weight():
    train, validation, test = study()
    factors = np.geomspace(1e-3, 1e3, 7)
    scaled = [part._replace(features=part.features * factors + 5) for part in (train, validation, test)]
    ours, theirs = (fit_linear_classifier(*parts, PENALTIES, True) for parts in ((train, validation), scaled[:2]))
    np.testing.assert_allclose(ours.probabilities(test.features), theirs.probabilities(scaled[2].features), atol=1e-4)


def test_weights_count_like_repeated_rows():
    train, validation, test = study(images=100)
    repeated = Labelled(np.vstack([train.features] * 2), np.tile(train.truth, 2), np.full(2 * len(train.truth), 0.5))
    fits = [fit_linear_classifier(part, validation, [0.1], False) for part in (train, repeated)]
    np.testing.assert_allclose(*(fit.probabilities(test.features) for fit in fits), atol=1e-3)


def test_constant_features_cause_no_error():
    truth = np.arange(20) % 7
    part = Labelled(np.zeros((20, 3)), truth)
    for standardise in (False, True):
        fitted = fit_linear_classifier(part, part, [1.0], standardise)
        assert np.isfinite(fitted.probabilities(np.zeros((2, 3)))).all()


def test_a_single_training_class_is_predicted_for_every_image():
    one_class = Labelled(np.random.default_rng(0).normal(size=(5, 3)), np.full(5, 2))
    fitted = fit_linear_classifier(one_class, one_class, [1.0], standardise=False)
    assert fitted.probabilities(np.zeros((4, 3))).tolist() == [[0, 0, 1, 0, 0, 0, 0]] * 4
    kernel, bias = fitted.dense_weights(3)
    assert softmax(np.zeros((1, 3)) @ kernel + bias).tolist() == [[0, 0, 1, 0, 0, 0, 0]]
