import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.training import logistic_regression
from lung_cxr.training.logistic_regression import leave_yardstick

DATA = {"split_sha256": "1" * 64, "pixel_sha256": "2" * 64}


@pytest.fixture
def leave(tiny_classifier, images, training_parameters, tmp_path, monkeypatch):
    """Leave the yardstick in a folder; count how often features were computed."""
    computed = []
    pooled = logistic_regression.pooled_features
    monkeypatch.setattr(logistic_regression, "pooled_features", lambda *given: computed.append(1) or pooled(*given))

    def do(seed=7, data=DATA, **changes):
        leave_yardstick(tmp_path, tiny_classifier(seed=seed), images, data, training_parameters(**changes))
        return pd.read_parquet(tmp_path / "logistic_regression/frozen_feature_predictions.parquet"), len(computed)

    return do


def test_it_is_what_a_logistic_regression_makes_of_the_pooled_features(leave, tiny_classifier, images, pixels):
    predictions, _ = leave()
    contracts.predictions.validate(predictions)
    classifier = tiny_classifier()
    pooled = keras.Model(classifier.model.input, classifier.head_layers[0].output)
    features = pooled.predict(pixels[..., None], verbose=0)
    expected = frozen_feature_predictions(features, images.split, [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
    pd.testing.assert_frame_equal(predictions, expected, rtol=1e-3, atol=1e-4)


def test_it_is_made_once_for_the_same_features_and_data(leave):
    leave()
    again, computed = leave()
    assert computed == 1
    _, computed = leave(data={**DATA, "pixel_sha256": "3" * 64})
    assert computed == 2
    other, computed = leave(seed=8)
    assert computed == 3
    assert not np.allclose(other.filter(like="p_"), again.filter(like="p_"))


def test_the_strategy_finds_the_network_as_it_was(tiny_classifier, images, training_parameters, tmp_path):
    classifier = tiny_classifier()
    before = [np.array(value) for value in classifier.model.get_weights()]
    leave_yardstick(tmp_path, classifier, images, DATA, training_parameters())
    assert all(np.array_equal(a, b) for a, b in zip(before, classifier.model.get_weights(), strict=True))
