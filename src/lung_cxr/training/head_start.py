"""Start of the head at the optimum of its own convex problem, instead of at zero (`head_start: logistic_regression`).

In the first stage of dynamic fine-tuning only the head trains, on frozen features: a multinomial logistic regression. A
solver finds its optimum in seconds, gradient descent in dozens of epochs.
"""

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.models.freezing import unfreeze_groups
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.class_weights import class_counts, sampling_shares
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.frozen.open_stage import image_features
from lung_cxr.training.frozen.split_point import FrozenPrefix
from lung_cxr.training.losses import loss_weights_of_epoch
from lung_cxr.training.reference.features import feature_point
from lung_cxr.training.reference.linear_classifier import IMPOSSIBLE, Labelled, fit_linear_classifier

INVERSE_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)  # C of scikit-learn; the best on validation is chosen


def start_head(
    classifier: Classifier, images: SplitImages, training: TrainingParameters, folder: FeatureFolder | None
) -> None:
    """Fit the head on the frozen features of the unchanged training images, with the class weights of the strategy.

    Each image counts as much as in the expected training loss: its share of the samples times the weight of its loss. A
    class without a training image gets less than one image's worth of probability, not zero.

    Args:
        classifier: Classifier with initial weights; its head is set in place, its backbone is frozen.
        images: Pixels and split.
        training: Sampling, loss weights, batch size.
        folder: Cache that all runs of the backbone share; None: no cache.

    Raises:
        ValueError: The head has hidden layers.
    """
    if training.head != "gap":
        raise ValueError(
            f"head_start is logistic_regression and training.head is {training.head}; expected `gap`, which is "
            "a logistic regression. Set head_start: none"
        )
    unfreeze_groups(classifier, 0)
    prefix = FrozenPrefix(classifier, feature_point(classifier, [0]))
    train, validation = (
        _labelled(images, prefix, folder, training.batch_size, subset) for subset in ("train", "validation")
    )
    weights = image_weights(train.truth, training)
    fit = fit_linear_classifier(train._replace(weights=weights), validation, INVERSE_PENALTIES, standardise=False)
    kernel, bias = fit.dense_weights(train.features.shape[1])
    smallest = bias[bias > IMPOSSIBLE].min() - np.log(len(train.truth))
    logits: keras.layers.Dense = classifier.head_layers[-1]
    logits.set_weights([kernel, np.maximum(bias, smallest)])


def image_weights(labels: np.ndarray, training: TrainingParameters) -> np.ndarray:
    """Return (n,) float64, mean 1: weight of each training image in the expected training loss.

    Args:
        labels: (n,) class indices.
        training: Sampling and loss weights.
    """
    counts = class_counts(labels)
    weights = sampling_shares(counts, training.sampling) * loss_weights_of_epoch(training, counts, epoch=1)
    of_images = weights[labels] / counts[labels]
    return of_images / of_images.mean()


def _labelled(
    images: SplitImages, prefix: FrozenPrefix, folder: FeatureFolder | None, batch_size: int, subset: str
) -> Labelled:
    features = image_features(images, prefix, folder, batch_size, images.rows(subset))
    return Labelled(features.astype(np.float32).reshape(len(features), -1), images.labels_of(subset))
