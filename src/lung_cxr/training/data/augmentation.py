"""Rotation, brightness and contrast of grey images, inside the graph (Table 2)."""

import keras
import numpy as np
from keras import ops

WHITE = 255.0


@keras.saving.register_keras_serializable(package="lung_cxr")
class Augmentation(keras.layers.Layer):
    """Augment each image with its own parameters, on the single grey channel in front of the backbone.

    Takes images (B, H, W, 1) uint8 and augmentation parameters (B, 3) float32 (see `AugmentationSampler`). Returns
    (B, H, W, 1) uint8, rounded as in a stored image. Without rotation and with factors 1 an image stays bit-identical.
    Corners that a rotation moves into the image are black. Computes in float32 with any precision of the run.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", autocast=False, **kwargs)

    def call(self, images, parameters):
        """Return the augmented images."""
        changed = rotated(ops.cast(images, "float32"), parameters[:, 0])
        changed = changed * parameters[:, 1, None, None, None]
        mean = ops.mean(changed, axis=(1, 2, 3), keepdims=True)
        changed = mean + (changed - mean) * parameters[:, 2, None, None, None]
        unchanged = ops.all(parameters == ops.array([0.0, 1.0, 1.0]), axis=1)[:, None, None, None]
        rounded = ops.cast(ops.round(ops.clip(changed, 0.0, WHITE)), "uint8")
        return ops.where(unchanged, images, rounded)

    def compute_output_shape(self, images_shape, parameters_shape):  # noqa: ARG002
        """Return the shape of the images."""
        return images_shape

    def compute_output_spec(self, images, parameters):  # noqa: ARG002
        """Return images of the same shape, uint8."""
        return keras.KerasTensor(images.shape, dtype="uint8")


def rotated(images, degrees):
    """Rotate images about their centre with bilinear interpolation; the outside is black.

    Args:
        images: (B, H, W, 1) float32.
        degrees: (B,) float32, counter-clockwise as displayed.
    """
    height, width = images.shape[1:3]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    angle = degrees * (np.pi / 180)
    cos, sin, zero = ops.cos(angle), ops.sin(angle), ops.zeros_like(angle)
    # Output pixel (x, y) is input pixel (a0·x + a1·y + a2, b0·x + b1·y + b2).
    from_x = [cos, -sin, centre_x - cos * centre_x + sin * centre_y]
    from_y = [sin, cos, centre_y - sin * centre_x - cos * centre_y]
    transform = ops.stack([*from_x, *from_y, zero, zero], axis=1)
    return ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="constant")


def training_model(classifier_model: keras.Model) -> keras.Model:
    """Return the model to train: the augmentation followed by the classifier. They share the classifier's layers.

    Only the classifier is saved.

    Args:
        classifier_model: uint8 (B, H, W, 1) → logits.

    Returns:
        (images uint8 (B, H, W, 1), augmentation parameters float32 (B, 3)) → logits.
    """
    images = keras.Input(classifier_model.input_shape[1:], dtype="uint8", name="images")
    parameters = keras.Input((3,), dtype="float32", name="augmentation_parameters")
    augmented = Augmentation(name="augmentation")(images, parameters)
    return keras.Model([images, parameters], classifier_model(augmented))
