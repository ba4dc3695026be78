"""`head_start: logistic_regression`: the head starts at the optimum of the first stage."""

import numpy as np
import pytest

from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.head_start import image_weights, start_head
from lung_cxr.training.strategies.registry import strategy_of
from lung_cxr.training.validation import predict_logits, validate


@pytest.fixture
def started(tiny_classifier, images, training_parameters, tmp_path):
    def start(cache=True, **changes):
        classifier, training = tiny_classifier(), training_parameters(**changes)
        folder = FeatureFolder(tmp_path / "features", "2" * 64, training.frozen_prefix) if cache else None
        start_head(classifier, images, training, folder)
        return classifier

    return start


def validation_loss(classifier, images):
    rows = images.rows("validation")
    return validate(predict_logits(classifier.model, images, rows, 16), images.labels[rows]).loss


def test_the_head_is_better_than_at_zero_and_no_step_of_its_loss_is_downhill(started, images, tiny_classifier):
    classifier = started(sampling="natural", loss_weights="none")
    assert validation_loss(classifier, images) < validation_loss(tiny_classifier(), images) - 0.05
    rows = images.rows("train")
    logits, labels = predict_logits(classifier.model, images, rows, 16), images.labels[rows]
    probabilities = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
    gradient_of_bias = probabilities.mean(axis=0) - np.bincount(labels, minlength=7) / len(labels)
    np.testing.assert_allclose(gradient_of_bias, 0, atol=1e-3)  # the bias has no penalty


def test_the_cache_changes_nothing(started):
    one, other = (started(cache=cache).head_layers[-1].get_weights() for cache in (True, False))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_images_count_as_in_the_expected_training_loss(training_parameters):
    labels = np.array([0, 0, 0, 1])
    natural = training_parameters(sampling="natural", loss_weights="none")
    np.testing.assert_allclose(image_weights(labels, natural), 1)
    balanced = training_parameters(sampling="balanced", loss_weights="none")
    np.testing.assert_allclose(image_weights(labels, balanced), [2 / 3, 2 / 3, 2 / 3, 2])


def test_a_head_with_hidden_layers_is_refused(started):
    with pytest.raises(ValueError, match="head_start: none"):
        started(head="flatten_dense")


def test_only_dynamic_fine_tuning_with_the_setting_starts_so(strategy_parameters, backbone):
    starts = {
        setting: strategy_of(strategy_parameters("dynamic", head_start=setting).root, backbone).fits_head_first
        for setting in ("none", "logistic_regression")
    }
    assert starts == {"none": False, "logistic_regression": True}
    assert not strategy_of(strategy_parameters("lp_ft").root, backbone).fits_head_first
