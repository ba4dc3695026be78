"""Fit a reference model as a run: its model, predictions and record are stored like those of a strategy.

It depends on the backbone and the data, not on a strategy. Its grid points are `experiments.REFERENCE_MODELS`.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from lung_cxr.atomic import atomic_write
from lung_cxr.diseases import PROBABILITY_COLUMNS, class_index
from lung_cxr.evaluation.metrics import log_losses
from lung_cxr.evaluation.undefined import Numbers, all_undefined
from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import restore_dropout, unfreeze_groups
from lung_cxr.models.keras_settings import fresh_keras
from lung_cxr.models.saved_model import save_model
from lung_cxr.parameters import BackboneParameters, ReferenceModelParameters, TrainingParameters
from lung_cxr.training.data.class_weights import class_counts
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.fit_rule import complete_rule, fit_rule
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.reference.features import ReferenceFeatures
from lung_cxr.training.reference.linear_classifier import Labelled, LinearClassifier, fit_linear_classifier
from lung_cxr.training.reference.oversampling import oversampled
from lung_cxr.training.run.folders import RunFolders
from lung_cxr.training.run.identity import Identity, identity_of_reference, with_weights
from lung_cxr.training.run.record import RunRecord, by_class, data_of, finished_record, settings_of
from lung_cxr.training.run.recorded_run import record_run
from lung_cxr.training.runs import adapt_random_weights, load_time_of
from lung_cxr.training.validation import metrics_by_subset, tau_of_run

log = logging.getLogger(__name__)

NO_EPOCHS = "a logistic regression has no epochs"


@dataclass(frozen=True)
class ReferenceModel:
    """A logistic regression on the frozen features of one backbone, on one split.

    Attributes:
        backbone: Architecture, input size and weights.
        settings: Depths, flips, augmented copies and penalties.
        training: Batch size, augmentation, precision; the first seed initialises random weights.
        images: Pixels and split.
        data_hashes: `split_sha256` and `pixel_sha256`.
        feature_folder: Folder in which all runs of the backbone share the features of frozen layers.
        synthetic: Whether any image is synthetic; None: unknown.
        fold: Fold of a cross-validation; None: the split itself.
    """

    backbone: BackboneParameters
    settings: ReferenceModelParameters
    training: TrainingParameters
    images: SplitImages
    data_hashes: dict[str, str]
    feature_folder: Path
    synthetic: bool | None = None
    fold: int | None = None

    @property
    def title(self) -> str:
        """Name of the model in the log."""
        fold = "" if self.fold is None else f", fold {self.fold}"
        return f"{self.backbone.architecture}, {self.settings.kind}{fold}"

    @property
    def seed(self) -> int:
        """Seed of random weights and augmentation parameters."""
        return self.training.seeds[0]

    @property
    def identity(self) -> Identity:
        """Identity of the run, without its initial weights."""
        plan = identity_of_reference(self.seed, self.backbone, self.settings, self.training, self.data_hashes)
        return plan if self.fold is None else {**plan, "fold": self.fold}


def fit_reference_model(model: ReferenceModel, folders_of_seed: Callable[[int], RunFolders]) -> Iterator[RunRecord]:
    """Fit the model unless an up-to-date one exists.

    An error does not stop the command: the record states its reason, and runs of the backbone still train.

    Args:
        model: Backbone, settings and data.
        folders_of_seed: seed → its `RunFolders`.

    Yields:
        The new record, finished or failed; nothing if the stored one is up to date.
    """
    folders = folders_of_seed(model.seed)
    run = partial(_fit_run, model, folders)
    yield from record_run(folders, model.title, model.identity, model.training.experiment, run)


def _fit_run(model: ReferenceModel, folders: RunFolders) -> RunRecord | None:
    """Fit, and write model and predictions; return the record, or None if the stored one is up to date."""
    training, images, begin = model.training, model.images, time.monotonic()
    with fresh_keras(training.precision, model.seed):
        classifier = build_classifier(model.backbone, dropout=training.dropout, head=training.head, seed=model.seed)
        identity = with_weights(model.identity, classifier)
        if folders.status(identity, training.force) == "up to date":
            log.info("%s: up to date", model.title)
            complete_rule(folders, images, training)
            return None
        folders.start(identity)
        log.info("%s: fitting on the features of %d images", model.title, len(images.split))
        features = frozen_features(model, classifier)
        unchanged = features.of_images()
        train = oversampled(features.of_training(unchanged), model.settings.oversampling, model.seed)
        fitted = fit_on_split(train, unchanged, images, model.settings)
        restore_dropout(classifier)
        network = as_network(classifier, features.point.tensor, fitted)
        model_sha256 = save_model(network, folders.model)
        predictions = tabulate(fitted, unchanged, images.split)
        with atomic_write(folders.predictions) as unfinished:
            predictions.to_parquet(unfinished, index=False)
        counts = {"training_images": by_class(class_counts(images.labels_of("train")))}
        fit_rule(folders.model.parent, network, images, predictions, counts, training)
        return finished_record(
            settings_of(identity),
            _outcome(fitted, predictions, len(classifier.groups), time.monotonic() - begin),
            data_of(images, model.synthetic),
            counts,
            {"metrics": metrics_by_subset(predictions), "model_sha256": model_sha256},
            tau_of_run(predictions, images),
            load_time_of(folders, training),
            {"batch_normalisation_images": classifier.batch_normalisation_images, "warnings": classifier.warnings},
        )


def fit_on_split(
    train: Labelled, unchanged: np.ndarray, images: SplitImages, settings: ReferenceModelParameters
) -> LinearClassifier:
    """Fit on the training rows; the unchanged validation images choose the penalty.

    Args:
        train: Result of `ReferenceFeatures.of_training`, oversampled or not.
        unchanged: (N, d) features of all unchanged images.
        images: Pixels and split.
        settings: Penalties and depths; with another depth than the last, features are standardised.
    """
    rows = images.rows("validation")
    validation = Labelled(unchanged[rows], images.labels[rows])
    return fit_linear_classifier(train, validation, settings.inverse_penalties, standardise=settings.depths != [0])


def as_network(classifier: Classifier, features: keras.KerasTensor, fitted: LinearClassifier) -> keras.Model:
    """Return the fit as a network from the stored grey image to seven logits, which the pipeline `predict` loads."""
    logits = keras.layers.Dense(len(PROBABILITY_COLUMNS), dtype="float32", name="logits")
    network = keras.Model(classifier.model.input, logits(features), name=classifier.model.name)
    logits.set_weights(fitted.dense_weights(features.shape[-1]))
    return network


def tabulate(fitted: LinearClassifier, unchanged: np.ndarray, split: pd.DataFrame) -> pd.DataFrame:
    """Return `contracts.predictions` of the validation and test images, without flips or augmentation."""
    predicted = (split["subset"] != "train").to_numpy()
    rows = split.loc[predicted, ["image_id", "patient_key", "subset", "label"]].reset_index(drop=True)
    probabilities = fitted.probabilities(unchanged[predicted])
    return rows.assign(**dict(zip(PROBABILITY_COLUMNS, probabilities.T, strict=True)))


def frozen_features(model: ReferenceModel, classifier: Classifier) -> ReferenceFeatures:
    """Freeze the classifier's backbone; return the features of the model, cached in the folder of its backbone."""
    adapt_random_weights(classifier, model.images, model.seed)
    unfreeze_groups(classifier, 0)
    folder = FeatureFolder(model.feature_folder, model.data_hashes["pixel_sha256"], model.training.frozen_prefix)
    return ReferenceFeatures(
        model.images,
        classifier,
        model.settings,
        model.training.augmentation,
        folder,
        model.training.batch_size,
        model.seed,
    )


def _outcome(fitted: LinearClassifier, predictions: pd.DataFrame, groups: int, seconds: float) -> dict[str, Any]:
    """Return the outcome of the fit: chosen penalty, validation loss, duration."""
    validation = predictions[predictions["subset"] == "validation"]
    probabilities = validation[list(PROBABILITY_COLUMNS)].to_numpy()
    truth = validation["label"].map(class_index).to_numpy()
    none: Numbers = all_undefined(("epochs", "best_epoch", "unfreezings"), NO_EPOCHS)
    return {
        "status": "finished",
        "stop_reason": "converged",
        **none,
        "layer_groups": groups,
        "final_unfrozen_groups": 0,
        "inverse_penalty": None if fitted.fit is None else fitted.fit.C,
        "seconds": seconds,
        "best_val_loss": float(log_losses(truth, probabilities).mean()),
    }
