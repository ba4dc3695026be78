"""A stage: the network that trains between two unfreezings, complete or behind its frozen prefix (`frozen/`)."""

from typing import Protocol

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.data.augmentation import training_model
from lung_cxr.training.data.feed import Epoch, EpochFeed, PositionFeed, SplitImages
from lung_cxr.training.data.gpu_dataset import gpu_training_model
from lung_cxr.training.run.environment import on_gpu
from lung_cxr.training.validation import predict_logits


class Stage(Protocol):
    """The network between two unfreezings."""

    @property
    def model(self) -> keras.Model:
        """The model to compile and fit; it shares the classifier's layers."""

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return the batches of an epoch as inputs of `model`."""

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return (n, 7) float64 logits of images without augmentation, by their rows."""

    def close(self) -> None:
        """Release the resources of the stage."""


class WholeNetwork:
    """A stage in which every image passes through every layer.

    The classifier itself is never compiled for training, so Keras traces its prediction once per run, not once per
    stage.

    Args:
        classifier: The network to train.
        images: Pixels and split.
        batch_size: Images per batch.
    """

    def __init__(self, classifier: Classifier, images: SplitImages, batch_size: int):
        self.classifier, self.images, self.batch_size = classifier, images, batch_size
        self.model = self.model_of(classifier)

    def model_of(self, classifier: Classifier) -> keras.Model:
        """Return the model to train: (images, augmentation parameters) → logits."""
        return training_model(classifier.model)

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return batches of images and augmentation parameters."""
        return EpochFeed(epoch)

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Predict with the classifier that will be saved."""
        return predict_logits(self.classifier.model, self.images, rows, self.batch_size)

    def close(self) -> None:
        """Release nothing: this stage has no resources of its own."""


class GpuResidentNetwork(WholeNetwork):
    """The same stage with a GPU-resident dataset: each step transfers row numbers only."""

    def model_of(self, classifier: Classifier) -> keras.Model:
        """Return the model to train: (positions among the training images, augmentation parameters) → logits."""
        return gpu_training_model(classifier.model, self.images.pixels[self.images.rows("train")])

    def feed(self, epoch: Epoch) -> EpochFeed:
        """Return batches of positions and augmentation parameters."""
        return PositionFeed(epoch)


def whole_network(classifier: Classifier, images: SplitImages, training: TrainingParameters) -> WholeNetwork:
    """Return the stage of the complete network; its images are in GPU memory if they fit, else in main memory."""
    size = len(images.rows("train")) * images.pixels[0].nbytes
    kind = GpuResidentNetwork if on_gpu() and size <= training.device_gib * 2**30 else WholeNetwork
    return kind(classifier, images, training.batch_size)
