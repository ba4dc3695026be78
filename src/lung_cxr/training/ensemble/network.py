"""One network of several: the mean of their probabilities as logits, so that it is stored and loaded like any model."""

from collections.abc import Sequence

import keras
from keras import ops

SMALLEST = 1e-30  # probability; its logarithm is finite in float32


def mean_network(members: Sequence[keras.Model], flips: bool) -> keras.Model:
    """Return uint8 (B, size, size, 1) → float32 (B, 7): ln of the mean probability.

    Args:
        members: Models from uint8 images to logits. The largest input size is that of the ensemble; images are reduced
            for the others (antialiased bilinear).
        flips: Whether to average over each image and its horizontal mirror image.
    """
    size = max(member.input_shape[1] for member in members)
    image = keras.Input((size, size, 1), dtype="uint8", name="image")
    probabilities = []
    for number, member in enumerate(members, 1):
        member.name = f"member_{number}"  # two members of one backbone have the same name
        view = _reduced(image, member.input_shape[1]) if member.input_shape[1] < size else image
        for seen in (view, ops.flip(view, axis=2)) if flips else (view,):
            probabilities.append(ops.softmax(ops.cast(member(seen), "float32")))
    mean = ops.mean(ops.stack(probabilities), axis=0)
    return keras.Model(image, ops.log(ops.maximum(mean, SMALLEST)), name="ensemble")


def _reduced(image: keras.KerasTensor, size: int) -> keras.KerasTensor:
    small = ops.image.resize(ops.cast(image, "float32"), (size, size), interpolation="bilinear", antialias=True)
    return ops.cast(ops.round(small), "uint8")
