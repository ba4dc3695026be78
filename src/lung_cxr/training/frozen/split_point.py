"""Cut a network where its frozen part ends: a prefix that is one fixed function of the image, and a suffix."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.training.data.augmentation import Augmentation


@dataclass(frozen=True)
class SplitPoint:
    """A place in the network that exactly one tensor crosses.

    Attributes:
        name: "group 11", or "pooled" behind the whole backbone and the head's pooling.
        layers: All layers of the backbone and the head before this place.
        tensor: Symbolic tensor (B, …) that crosses.
    """

    name: str
    layers: list[keras.layers.Layer]
    tensor: keras.KerasTensor


def frozen_split_points(classifier: Classifier) -> list[SplitPoint]:
    """Return every split point with only frozen layers before it, shallow to deep.

    If the whole backbone is frozen, the deepest split point is behind the head's first layer, which pools or flattens
    and has no weights.
    """
    points: list[SplitPoint] = []
    layers: list[keras.layers.Layer] = []
    for number, group in enumerate(classifier.groups, 1):
        if any(layer.trainable_variables for layer in group):
            return points
        layers = [*layers, *group]
        points.append(SplitPoint(f"group {number}", layers, group[-1].output))
    pooling = classifier.head_layers[0]
    return [*points, SplitPoint("pooled", [*layers, pooling], pooling.output)]


class FrozenPrefix:
    """The layers before a split point, sharing the classifier's weights.

    Args:
        classifier: Classifier to cut.
        split_point: Place of the cut.
        flipped: Whether each image is flipped horizontally first.
    """

    def __init__(self, classifier: Classifier, split_point: SplitPoint, flipped: bool = False):
        self.split_point, self.flipped, self._output = split_point, flipped, classifier.model.output
        self.of_images = keras.Model(classifier.model.input, split_point.tensor)
        if flipped:
            image = keras.Input(classifier.model.input_shape[1:], dtype="uint8", name="image")
            self.of_images = keras.Model(image, self.of_images(keras.ops.flip(image, axis=2)))
        images = keras.Input(classifier.model.input_shape[1:], dtype="uint8", name="images")
        draws = keras.Input((3,), dtype="float32", name="draws")
        self.of_copies = keras.Model([images, draws], self.of_images(Augmentation(name="augmentation")(images, draws)))
        self.shape = tuple(split_point.tensor.shape[1:])
        # One axis: TensorFlow converts no bfloat16 scalar to NumPy.
        self.dtype = keras.ops.convert_to_numpy(keras.ops.zeros((1,), dtype=split_point.tensor.dtype)).dtype

    @cached_property
    def suffix(self) -> keras.Model:
        """The layers behind the split point; there are none behind features of several depths."""
        return keras.Model(self.split_point.tensor, self._output)

    def sha256(self) -> str:
        """Return a hash of the prefix's function: weights, split point, input size and flip."""
        digest = hashlib.sha256()
        digest.update(repr((self.split_point.name, self.of_images.input_shape, self.shape, str(self.dtype))).encode())
        digest.update(repr([type(layer).__name__ for layer in self.split_point.layers]).encode())
        digest.update(b"flipped" if self.flipped else b"")
        for variable in self.of_images.weights:
            digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).data)
        return digest.hexdigest()

    def features(self, images: np.ndarray, draws: np.ndarray | None = None) -> np.ndarray:
        """Return (n, …) features of images.

        Args:
            images: (n, H, W, 1) uint8.
            draws: (n, 3) augmentation parameters; None: the images are not augmented.
        """
        if draws is None:
            return np.asarray(self.of_images.predict_on_batch(images))
        return np.asarray(self.of_copies.predict_on_batch([images, draws]))
