import json

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions
from lung_cxr.training import logistic_regression
from lung_cxr.training.logistic_regression import ReferenceModel, fit_logistic_regression, fit_run

DATA = {"split_sha256": "1" * 64, "pixel_sha256": "2" * 64}


@pytest.fixture
def fit(tiny_classifier, backbone, images, training_parameters, tmp_path, monkeypatch):
    """Fit in a folder and save the predictions as Kedro does; return them, or None if they were up to date."""
    monkeypatch.setattr(logistic_regression, "build_classifier", tiny_classifier)

    def do(data=DATA, **changes):
        training = training_parameters(**changes)
        fitted = None
        model = ReferenceModel(backbone, training, images, data, tmp_path / "features")
        for fitted in fit_logistic_regression(model, tmp_path):
            fitted.to_parquet(tmp_path / "frozen_feature_predictions.parquet", index=False)
        return fitted

    return do


def test_it_predicts_from_the_pooled_features_of_adapted_random_weights(fit, tiny_classifier, images, pixels):
    predictions = fit()
    contracts.predictions.validate(predictions)
    classifier = tiny_classifier(seed=7)
    logistic_regression.adapt_random_weights(classifier, images, 7)
    pooled = keras.Model(classifier.model.input, classifier.head_layers[0].output)
    features = pooled.predict(pixels[..., None], verbose=0)
    expected = frozen_feature_predictions(features, images.split, [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
    pd.testing.assert_frame_equal(predictions, expected, rtol=1e-3, atol=1e-4)


def test_it_is_fitted_once_for_the_same_features_data_and_penalties(fit):
    first = fit()
    assert fit() is None
    assert fit(max_epochs=9, augmentation={"bank": 2}) is None, "settings of the strategies have no influence"
    assert fit(data={**DATA, "pixel_sha256": "3" * 64}) is not None
    other = fit(data={**DATA, "pixel_sha256": "3" * 64}, seeds=[8])
    assert not np.allclose(first.filter(like="p_"), other.filter(like="p_"))


def test_a_kill_before_the_save_leaves_no_identity(fit, backbone, images, training_parameters, tmp_path):
    model = ReferenceModel(backbone, training_parameters(), images, DATA, tmp_path / "features")
    next(fit_logistic_regression(model, tmp_path))
    assert not (tmp_path / "identity.json").exists()
    assert fit() is not None


def test_an_error_leaves_its_reason_until_a_fit_succeeds(fit, tmp_path, monkeypatch):
    def too_large(*args):
        raise MemoryError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(logistic_regression, "image_features", too_large)
        assert fit() is None
    assert json.loads((tmp_path / "failure.json").read_text()) == {"failure": "MemoryError: too large"}
    assert fit() is not None
    assert not (tmp_path / "failure.json").exists()


def test_a_run_has_the_same_predictions_and_a_record_and_folds_share_the_features(
    fit, backbone, images, training_parameters, tmp_path, monkeypatch
):
    predictions = fit()
    monkeypatch.setattr(logistic_regression.FrozenPrefix, "features", lambda *_: pytest.fail("features are cached"))
    other_split = {**DATA, "split_sha256": "3" * 64}
    model = ReferenceModel(backbone, training_parameters(), images, other_split, tmp_path / "features")
    (record,) = fit_run(model, tmp_path / "fold_1")
    assert (record["status"], record["strategy"], record["seed"]) == ("finished", "logistic_regression", 7)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "fold_1/seed_7/predictions.parquet"), predictions)
    (tmp_path / "fold_1/seed_7/run_record.json").write_text(json.dumps(record))
    assert list(fit_run(model, tmp_path / "fold_1")) == []
