"""What a stage trains: the whole network, or only what follows the layers that are frozen in it (`frozen/stage.py`)."""

from typing import Protocol

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.augmentation import training_model
from lung_cxr.training.data.feed import Epoch, EpochFeed, PositionFeed, SplitImages
from lung_cxr.training.data.gpu_dataset import resident_training_model
from lung_cxr.training.run.environment import on_gpu
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
        self.model = self.model_of(classifier)

    def model_of(self, classifier: Classifier) -> keras.Model:
        """Return what is trained: images and draws to logits."""
        return training_model(classifier.model)

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return images and draws."""
        return EpochFeed(epoch)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Predict with the classifier as it would be saved."""
        return predict_logits(self.classifier.model, self.images, rows, self.batch_size)

    def close(self) -> None:
        """Nothing."""


class ResidentNetwork(WholeNetwork):
    """The same, with the training images on the device: only their numbers cross to it."""

    def model_of(self, classifier: Classifier) -> keras.Model:
        """Return what is trained: positions among the training images and draws to logits."""
        return resident_training_model(classifier.model, self.images.pixels[self.images.rows("train")])

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return positions and draws."""
        return PositionFeed(epoch)


def whole_network(classifier: Classifier, images: SplitImages, training: TrainingParameters) -> WholeNetwork:
    """Return the network with its images where they belong: on a GPU that has room for them, else in main memory."""
    size = len(images.rows("train")) * images.pixels[0].nbytes
    kind = ResidentNetwork if on_gpu() and size <= training.device_gib * 2**30 else WholeNetwork
    return kind(classifier, images, training.batch_size)
