"""What a stage trains: the whole network, or only what follows the layers that are frozen in it (`frozen/stage.py`)."""

from typing import Protocol

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.training.augmentation import training_model
from lung_cxr.training.feed import Epoch, EpochFeed, SplitImages
from lung_cxr.training.validation import predict_logits


class Stage(Protocol):
    """The network between two unfreezings.

    Attributes:
        model: What is compiled and fitted; its layers are the classifier's.
    """

    model: keras.Model

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return the batches of an epoch as `model` takes them."""

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 7) float64 logits of images as they are, by their rows."""

    def close(self) -> None:
        """Let go of what the stage holds beside the classifier."""


class WholeNetwork:
    """Every image goes through every layer.

    The classifier itself is never compiled for training, so Keras traces its prediction once per run, not once a stage.

    Args:
        classifier: To be trained.
        images: Pixels and split.
        batch_size: Images.
    """

    def __init__(self, classifier: Classifier, images: SplitImages, batch_size: int):
        self.classifier, self.images, self.batch_size = classifier, images, batch_size
        self.model = training_model(classifier.model)

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return images and draws."""
        return EpochFeed(epoch)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Predict with the classifier as it would be saved."""
        return predict_logits(self.classifier.model, self.images, rows, self.batch_size)

    def close(self) -> None:
        """Nothing."""
