"""The GPU-resident dataset: all training images in GPU memory; a batch is row numbers, looked up inside the graph.

At one byte per pixel, 12,334 images of 224 × 224 take 0.6 GB. Each step then transfers a few hundred bytes.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from lung_cxr.training.data.augmentation import Augmentation


@keras.saving.register_keras_serializable(package="lung_cxr")
class GpuResidentImages(keras.layers.Layer):
    """Look up images by their row numbers.

    Takes rows (B,) int32; returns (B, size, size, 1) uint8, as `SplitImages.batch` does. The pixels are a variable that
    never trains. They are not a constant, because the graph contains its constants and is limited to 2 GB.

    Args:
        pixels: (N, size, size) uint8, in main memory or memory-mapped; copied to the GPU completely.

    Raises:
        ValueError: The pixels are not grey images with one byte per pixel.
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
        """Refuse to save this layer: a model file must not contain the images of patients.

        Raises:
            NotImplementedError: In every call.
        """
        raise NotImplementedError(
            "a model with GpuResidentImages contains the images of patients and cannot be saved; save the classifier"
        )


def gpu_training_model(classifier_model: keras.Model, pixels: np.ndarray) -> keras.Model:
    """Return the model to train on a GPU-resident dataset. It shares the classifier's layers.

    It differs from `training_model` in its first input only: row numbers instead of images.

    Args:
        classifier_model: uint8 (B, size, size, 1) → logits.
        pixels: (N, size, size) uint8, indexed by the row numbers.

    Returns:
        (row numbers int32 (B,), augmentation parameters float32 (B, 3)) → logits.
    """
    rows = keras.Input((), dtype="int32", name="rows")
    parameters = keras.Input((3,), dtype="float32", name="augmentation_parameters")
    images = GpuResidentImages(pixels, name="gpu_resident_images")(rows)
    augmented = Augmentation(name="augmentation")(images, parameters)
    return keras.Model([rows, parameters], classifier_model(augmented))
