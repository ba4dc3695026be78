"""Class probabilities of every image from a logistic regression on frozen features, fitted on other patients."""

import logging
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from lung_cxr import contracts
from lung_cxr.diseases import DISEASES
from lung_cxr.models.classifier import build_classifier
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.training.reference.fit import ReferenceModel, fit_on_split, frozen_features
from lung_cxr.training.reference.oversampling import oversampled

log = logging.getLogger(__name__)


def held_out_probabilities(model: ReferenceModel, folds: int, seed: int) -> np.ndarray:
    """Return (N, 7) float64 probabilities in split order; no patient of an image was in its training set.

    Fold k is predicted by a model that fold k + 1 validates and the other folds train.

    Args:
        model: Backbone, settings of the regression, and images of all subsets.
        folds: Number of folds.
        seed: Seed of the folds.

    Raises:
        ValueError: There are fewer patients than folds.
    """
    probabilities = np.full((len(model.images.split), len(DISEASES)), np.nan)
    fold_of = patient_grouped_folds(model.images.split, folds, seed)
    with fresh_keras(model.training.precision, model.seed):
        classifier = build_classifier(
            model.backbone, dropout=model.training.dropout, head=model.training.head, seed=model.seed
        )
        features = frozen_features(model, classifier)
        log.info("Label audit: frozen features of %d images", len(probabilities))
        unchanged = features.of_images()
        for fold in range(folds):
            log.info("Label audit: fold %d of %d", fold + 1, folds)
            subset = np.select([fold_of == fold, fold_of == (fold + 1) % folds], ["test", "validation"], "train")
            images = replace(model.images, split=contracts.split.validate(model.images.split.assign(subset=subset)))
            train = replace(features, images=images).of_training(unchanged)
            fitted = fit_on_split(
                oversampled(train, model.settings.oversampling, seed), unchanged, images, model.settings
            )
            rows = images.rows("test")
            probabilities[rows] = fitted.probabilities(unchanged[rows])
    return probabilities


def patient_grouped_folds(split: pd.DataFrame, folds: int, seed: int) -> np.ndarray:
    """Return (N,) int fold of each image, from 0; all images of a patient have one fold, and classes are balanced.

    Args:
        split: `contracts.split`.
        folds: Number of folds.
        seed: Seed of the shuffle.

    Raises:
        ValueError: There are fewer patients than folds.
    """
    patients = split["patient_key"].nunique()
    if patients < folds:
        raise ValueError(f"found {patients} patients for {folds} folds; expected more: set label_audit.folds lower")
    found = np.empty(len(split), dtype=np.int64)
    divided = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class has fewer images than folds
        for fold, (_, rows) in enumerate(divided.split(split, split["label"], split["patient_key"])):
            found[rows] = fold
    return found
