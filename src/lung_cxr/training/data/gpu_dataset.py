"""All pixels on the device that trains: a batch is row numbers, and the images are gathered inside the graph.

For a GPU that holds the data set beside the network: at one byte a pixel, 12,334 images of 224 × 224 take 0.6 GB. What
crosses to the device in a step is then a few hundred bytes.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from lung_cxr.training.data.augmentation import Augmentation


@keras.saving.register_keras_serializable(package="lung_cxr")
class ResidentImages(keras.layers.Layer):
    """Looks images up by their rows.

    Takes rows (B,) int32; returns (B, size, size, 1) uint8, as `SplitImages.batch` does. The pixels are a variable that
    never trains, not a constant: a constant would be compiled into the graph, which is limited to 2 GB.

    Args:
        pixels: (N, size, size) uint8, in main memory or memory-mapped; copied to the device whole.

    Raises:
        ValueError: The pixels are not grey images of one byte a pixel.
    """

    def __init__(self, pixels: np.ndarray, **kwargs: Any):
        super().__init__(dtype="uint8", autocast=False, trainable=False, **kwargs)
        if pixels.dtype != np.uint8 or pixels.ndim != 3:
            raise ValueError(f"pixels of {pixels.dtype} {pixels.shape}: expected uint8 (N, size, size), grey")
        self.pixels = keras.Variable(pixels[..., None], dtype="uint8", trainable=False, autocast=False, name="pixels")

    def call(self, rows):
        """Return the images of the rows."""
        return ops.take(self.pixels, rows, axis=0)

    def compute_output_shape(self, rows_shape):
        """Return (B, size, size, 1)."""
        return (*rows_shape, *self.pixels.shape[1:])

    def compute_output_spec(self, rows):
        """Return images, uint8."""
        return keras.KerasTensor(self.compute_output_shape(rows.shape), dtype="uint8")

    def get_config(self):
        """Refuse: what is saved is the classifier, and no file of ours holds the pixels of patients beside it.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError(
            "a model with ResidentImages holds the images of patients and is not saved; save the classifier instead"
        )


def resident_training_model(classifier_model: keras.Model, pixels: np.ndarray) -> keras.Model:
    """Return the model that is trained on images which the device holds, sharing the classifier's layers.

    Beside `training_model` only the first input differs: the rows of the images in place of their pixels.

    Args:
        classifier_model: uint8 (B, size, size, 1) → logits.
        pixels: (N, size, size) uint8, what rows count in.

    Returns:
        (int32 (B,), float32 (B, 3)) → logits.
    """
    rows = keras.Input((), dtype="int32", name="rows")
    draws = keras.Input((3,), dtype="float32", name="draws")
    images = ResidentImages(pixels, name="resident_images")(rows)
    return keras.Model([rows, draws], classifier_model(Augmentation(name="augmentation")(images, draws)))
