import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES, PROBABILITY_COLUMNS
from lung_cxr.evaluation.frozen_features import frozen_feature_predictions, logistic_regression
from lung_cxr.evaluation.predictions import evaluate_predictions

PENALTIES = (0.001, 0.1, 1.0)


def study(images=400, classes=7, seed=0):
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=images)
    features = 40 * (np.eye(7)[truth] + generator.normal(0, 0.5, size=(images, 7)))
    subsets = np.repeat(["train", "validation", "test"], [images // 2, images // 4, images - 3 * images // 4])
    keys = [f"{number:032x}" for number in range(images)]
    labels = np.array(DISEASES, dtype=object)[truth]
    split = pd.DataFrame({"image_id": keys, "patient_key": keys, "label": labels, "subset": subsets})
    return features, contracts.split.validate(split)


def test_predictions_have_the_form_of_a_runs_and_are_right_where_features_tell_the_class():
    features, split = study()
    predictions = contracts.predictions.validate(frozen_feature_predictions(features, split, PENALTIES))
    assert predictions["image_id"].tolist() == split.loc[split["subset"] != "train", "image_id"].tolist()
    test = predictions[predictions["subset"] == "test"]
    assert evaluate_predictions(test, n_resamples=100, confidence=0.95, seed=0)["accuracy"] > 0.7


def test_the_penalty_is_the_one_with_the_lowest_loss_on_validation():
    features, split = study()
    truth = split["label"].map(DISEASES.index).to_numpy()
    rows = {name: np.flatnonzero(split["subset"] == name) for name in contracts.SUBSETS}
    scaled = features / features[rows["train"]].std()
    fits = [LogisticRegression(C=c, max_iter=5000).fit(scaled[rows["train"]], truth[rows["train"]]) for c in PENALTIES]
    validation = rows["validation"]
    losses = [-np.log(fit.predict_proba(scaled[validation])[range(100), truth[validation]]).mean() for fit in fits]
    best = fits[int(np.argmin(losses))]
    ours = frozen_feature_predictions(features, split, PENALTIES)
    theirs = best.predict_proba(scaled[split["subset"] != "train"])
    assert ours[list(PROBABILITY_COLUMNS)].to_numpy() == pytest.approx(theirs)


def test_test_labels_and_their_features_choose_nothing():
    features, split = study()
    is_test = (split["subset"] == "test").to_numpy()
    disturbed = np.where(is_test[:, None], 0.0, features)
    ours, theirs = (frozen_feature_predictions(each, split, PENALTIES) for each in (features, disturbed))
    pd.testing.assert_frame_equal(ours[ours["subset"] == "validation"], theirs[theirs["subset"] == "validation"])


def test_a_class_that_training_lacks_has_probability_zero():
    features, split = study(classes=5)
    ours = frozen_feature_predictions(features, split, PENALTIES)
    assert (ours[["p_pulmonary_edema", "p_atelectasis"]] == 0).all(axis=None)
    assert ours[list(PROBABILITY_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(1)


def test_dead_features_are_no_crash():
    truth = np.arange(20) % 7
    probabilities = logistic_regression((np.zeros((20, 3)), truth), (np.zeros((20, 3)), truth), np.zeros((2, 3)), [1.0])
    assert np.isfinite(probabilities).all()


def test_what_does_not_fit_the_split_says_what_was_expected():
    features, split = study()
    with pytest.raises(ValueError, match="one per row of the split"):
        frozen_feature_predictions(features[:-1], split, PENALTIES)
    with pytest.raises(ValueError, match="validation"):
        frozen_feature_predictions(features, split.assign(subset="train"), PENALTIES)


def test_a_single_training_class_is_predicted_for_every_image():
    one_class = (np.random.default_rng(0).normal(size=(5, 3)), np.full(5, 2))
    probabilities = logistic_regression(one_class, one_class, np.zeros((4, 3)), [1.0])
    assert probabilities[:, 2].tolist() == [1, 1, 1, 1]
    assert probabilities.shape == (4, 7)
    assert probabilities.sum() == 4
