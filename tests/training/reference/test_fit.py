"""Reference models as runs: stored, up to date or fitted again, and equal to their network."""

import json

import keras
import numpy as np
import pandas as pd
import pytest

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.logit_adjustment import TAUS
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.models.saved_model import load_checked_model
from lung_cxr.parameters import ReferenceModelParameters
from lung_cxr.training.data.augmentation import Augmentation
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.split_point import FrozenPrefix
from lung_cxr.training.reference import fit
from lung_cxr.training.reference.features import ReferenceFeatures
from lung_cxr.training.reference.fit import ReferenceModel, fit_reference_model
from lung_cxr.training.reference.linear_classifier import Labelled, fit_linear_classifier
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.validation import log_softmax

DATA = {"split_sha256": "1" * 64, "pixel_sha256": "2" * 64}
SETTINGS = {
    "kind": "logistic_regression",
    "inverse_penalties": [0.01, 1.0],
    "depths": [0],
    "flips": False,
    "augmented_copies": 0,
    "oversampling": "none",
}


@pytest.fixture
def fitted(tiny_classifier, backbone, images, training_parameters, tmp_path, monkeypatch):
    """Fit in a folder and save the record as Kedro does; return it with the folders, or None if it is up to date."""
    monkeypatch.setattr(fit, "build_classifier", tiny_classifier)

    def do(data=DATA, settings=None, fold=None, **changes):
        settings = ReferenceModelParameters(**{**SETTINGS, **(settings or {})})
        model = ReferenceModel(
            backbone, settings, training_parameters(**changes), images, data, tmp_path / "features", fold=fold
        )
        folders = RunFolders(tmp_path / "06" / str(fold), tmp_path / "07" / str(fold), model.seed)
        record = None
        for record in fit_reference_model(model, lambda _: folders):
            folders.record.parent.mkdir(parents=True, exist_ok=True)
            folders.record.write_text(json.dumps(record, allow_nan=False))
        return record, folders

    return do


def pooled(classifier, pixels):
    return keras.Model(classifier.model.input, classifier.head_layers[0].output).predict(pixels[..., None], verbose=0)


def test_it_predicts_from_the_pooled_features_of_adapted_random_weights(fitted, tiny_classifier, images, pixels):
    record, folders = fitted()
    predictions = contracts.predictions.validate(pd.read_parquet(folders.predictions))
    classifier = tiny_classifier(seed=7)
    fit.adapt_random_weights(classifier, images, 7)
    features = pooled(classifier, pixels)
    train, validation = (Labelled(features[rows], images.labels[rows]) for rows in map(images.rows, SUBSETS))
    expected = fit_linear_classifier(train, validation, [0.01, 1.0], standardise=False)
    held_out = (images.split["subset"] != "train").to_numpy()
    np.testing.assert_allclose(
        predictions[list(PROBABILITY_COLUMNS)].to_numpy(float),
        expected.probabilities(features[held_out]),
        rtol=1e-3,
        atol=1e-4,
    )
    assert record["inverse_penalty"] == expected.fit.C
    assert record["metrics"]["test"]["accuracy"] is not None
    assert record["logit_adjustment_tau"] in TAUS
    assert "logistic_regression" in folders.model_card.read_text()


SUBSETS = ("train", "validation")


@pytest.mark.parametrize("settings", [{}, {"depths": [0, 1], "flips": True}], ids=["last layer", "depths and flips"])
def test_the_stored_network_predicts_the_stored_probabilities(fitted, images, pixels, settings):
    record, folders = fitted(settings=settings)
    network = load_checked_model(folders.model, record["model_sha256"])
    assert (network.input_shape, network.output_shape) == ((None, 32, 32, 1), (None, 7))
    held_out = (images.split["subset"] != "train").to_numpy()
    logits = network.predict(pixels[held_out][..., None], verbose=0)
    stored = pd.read_parquet(folders.predictions)[list(PROBABILITY_COLUMNS)].to_numpy(float)
    np.testing.assert_allclose(np.exp(log_softmax(logits.astype(float))), stored, atol=2e-4)


def test_it_is_fitted_once_for_the_same_features_data_and_settings(fitted):
    first, _ = fitted()
    assert first["status"] == "finished"
    assert fitted()[0] is None
    assert fitted(max_epochs=9, augmentation={"bank": 2})[0] is None, "settings of the strategies have no influence"
    assert fitted(settings={"inverse_penalties": [1.0]})[0] is not None
    assert fitted(data={**DATA, "pixel_sha256": "3" * 64})[0] is not None


def test_a_kill_before_the_save_leaves_no_record(fitted):
    _, folders = fitted()
    folders.record.unlink()
    assert fitted()[0] is not None


def test_an_error_leaves_its_reason_until_a_fit_succeeds(fitted, monkeypatch):
    def too_large(*args):
        raise MemoryError("too large")

    with monkeypatch.context() as patch:
        patch.setattr(fit, "fit_on_split", too_large)
        assert fitted()[0]["failure"] == "MemoryError: too large"
    assert fitted()[0]["status"] == "finished"


def test_folds_share_the_features(fitted, monkeypatch):
    settings = {"depths": [0, 1], "flips": True, "augmented_copies": 2}
    fitted(settings=settings)
    monkeypatch.setattr(FrozenPrefix, "features", lambda *_: pytest.fail("features are cached"))
    record, _ = fitted(settings=settings, data={**DATA, "split_sha256": "3" * 64}, fold=1)
    assert (record["status"], record["fold"], record["seed"]) == ("finished", 1, 7)


@pytest.fixture
def features_of(tiny_classifier, images, training_parameters, tmp_path):
    def make(classes="all_but_largest", **settings):
        training = training_parameters(augmentation={"classes": classes})
        classifier = tiny_classifier(seed=7)
        unfreeze_groups(classifier, 0)
        folder = FeatureFolder(tmp_path / "features", "2" * 64, training.frozen_prefix)
        settings = ReferenceModelParameters(**{**SETTINGS, **settings})
        return ReferenceFeatures(images, classifier, settings, training.augmentation, folder, 8, seed=7)

    return make


def test_flipped_views_halve_the_weight_of_each_image(features_of, images, pixels):
    features = features_of(flips=True)
    train = features.of_training(features.of_images())
    rows = images.rows("train")
    flipped = pooled(features.classifier, pixels[rows][:, :, ::-1])
    np.testing.assert_allclose(train.features[len(rows) :], flipped, rtol=1e-3, atol=1e-4)
    assert train.weights.tolist() == [0.5] * 2 * len(rows)
    assert train.truth.tolist() == images.labels[rows].tolist() * 2


def test_depths_are_pooled_outputs_of_layer_groups(features_of, pixels):
    features = features_of(depths=[0, 2])
    first_group = features.classifier.groups[0][-1].output
    shallow = keras.Model(features.classifier.model.input, keras.layers.GlobalAveragePooling2D()(first_group))
    expected = np.hstack([pooled(features.classifier, pixels), shallow.predict(pixels[..., None], verbose=0)])
    np.testing.assert_allclose(features.of_images(), expected, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="found 3; this backbone has 3 layer groups"):
        features_of(depths=[0, 3]).of_images()


def test_augmented_copies_are_those_of_the_strategies(features_of, images, pixels):
    """Images of the largest class stay unchanged; of every other image, each epoch's copy has a share of its weight."""
    features = features_of(augmented_copies=2)
    train = features.of_training(features.of_images())
    rows, largest = images.rows("train"), np.bincount(images.labels_of("train")).argmax()
    unchanged = images.labels[rows] == largest
    assert len(train.truth) == unchanged.sum() + 2 * (~unchanged).sum()
    assert train.weights.sum() == pytest.approx(len(rows))
    draws = features.draws[1][rows[~unchanged]]
    augmented = Augmentation()(pixels[rows[~unchanged]][..., None], draws)
    expected = pooled(features.classifier, np.asarray(augmented)[..., 0])
    np.testing.assert_allclose(train.features[-len(expected) :], expected, rtol=1e-3, atol=1e-4)


def test_if_all_classes_are_augmented_no_image_is_unchanged(features_of, images):
    """As with `experiment=tuned`."""
    features = features_of(classes=list(DISEASES), augmented_copies=2)
    train = features.of_training(features.of_images())
    rows = images.rows("train")
    assert train.truth.tolist() == images.labels[rows].tolist() * 2
    assert train.weights.tolist() == [0.5] * 2 * len(rows)
