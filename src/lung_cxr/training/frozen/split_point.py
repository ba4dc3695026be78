"""A network taken apart where its frozen part ends: a prefix that is one fixed function of the image, and a suffix."""

import hashlib
from dataclasses import dataclass

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier
from lung_cxr.training.data.augmentation import Augmentation


@dataclass(frozen=True)
class Cut:
    """A place where one tensor crosses from the frozen part to the rest.

    Attributes:
        name: "group 11", or "pooled" behind the whole backbone and the head's pooling.
        layers: All layers before it that belong to the backbone or the head.
        tensor: What crosses, symbolic, (B, …).
    """

    name: str
    layers: list[keras.layers.Layer]
    tensor: keras.KerasTensor


def frozen_cuts(classifier: Classifier) -> list[Cut]:
    """Return every place where the network can be cut with nothing that trains before it, shallow to deep.

    With the whole backbone frozen the deepest one lies behind the head's first layer, which pools or flattens and owns
    no weight.
    """
    cuts: list[Cut] = []
    layers: list[keras.layers.Layer] = []
    for number, group in enumerate(classifier.groups, 1):
        if any(layer.trainable_variables for layer in group):
            return cuts
        layers = [*layers, *group]
        cuts.append(Cut(f"group {number}", layers, group[-1].output))
    pooling = classifier.head_layers[0]
    return [*cuts, Cut("pooled", [*layers, pooling], pooling.output)]


class FrozenPrefix:
    """The layers before a cut, as they are.

    Args:
        classifier: Whose layers they are.
        cut: Where they end.
    """

    def __init__(self, classifier: Classifier, cut: Cut):
        self.cut = cut
        self.of_images = keras.Model(classifier.model.input, cut.tensor)
        images = keras.Input(classifier.model.input_shape[1:], dtype="uint8", name="images")
        draws = keras.Input((3,), dtype="float32", name="draws")
        self.of_copies = keras.Model([images, draws], self.of_images(Augmentation(name="augmentation")(images, draws)))
        self.suffix = keras.Model(cut.tensor, classifier.model.output)
        self.shape = tuple(cut.tensor.shape[1:])
        self.dtype = keras.ops.convert_to_numpy(keras.ops.zeros((), dtype=cut.tensor.dtype)).dtype

    def sha256(self) -> str:
        """Return a hash of what the prefix computes: its weights, its place in the network and the input's size."""
        digest = hashlib.sha256()
        digest.update(repr((self.cut.name, self.of_images.input_shape, self.shape, str(self.dtype))).encode())
        digest.update(repr([type(layer).__name__ for layer in self.cut.layers]).encode())
        for variable in self.of_images.weights:
            digest.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)).data)
        return digest.hexdigest()

    def features(self, images: np.ndarray, draws: np.ndarray | None = None) -> np.ndarray:
        """Return (n, …) features of (n, H, W, 1) uint8 images, changed by (n, 3) draws where there are any."""
        if draws is None:
            return np.asarray(self.of_images.predict_on_batch(images))
        return np.asarray(self.of_copies.predict_on_batch([images, draws]))
