"""Rotation, brightness and contrast of grey images, inside the graph (Table 2)."""

import keras
import numpy as np
from keras import ops

WHITE = 255.0


@keras.saving.register_keras_serializable(package="lung_cxr")
class Augmentation(keras.layers.Layer):
    """Changes each image by its own draw, on the single grey channel, before the backbone sees three.

    Takes images (B, H, W, 1) uint8 and draws (B, 3) float32 as `draws.AugmentationDraws` gives them; returns
    (B, H, W, 1) uint8, rounded as a stored image would be. A draw of no rotation and factors 1 leaves an
    image as it is, bit for bit. Corners that a rotation turns in are black. Works in float32 whatever the
    precision of the run.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", autocast=False, **kwargs)

    def call(self, images, draws):
        """Return the changed images."""
        changed = rotated(ops.cast(images, "float32"), draws[:, 0])
        changed = changed * draws[:, 1, None, None, None]
        mean = ops.mean(changed, axis=(1, 2, 3), keepdims=True)
        changed = mean + (changed - mean) * draws[:, 2, None, None, None]
        unchanged = ops.all(draws == ops.array([0.0, 1.0, 1.0]), axis=1)[:, None, None, None]
        rounded = ops.cast(ops.round(ops.clip(changed, 0.0, WHITE)), "uint8")
        return ops.where(unchanged, images, rounded)

    def compute_output_shape(self, images_shape, draws_shape):  # noqa: ARG002
        """Return the shape of the images."""
        return images_shape

    def compute_output_spec(self, images, draws):  # noqa: ARG002
        """Return images of the same shape, uint8."""
        return keras.KerasTensor(images.shape, dtype="uint8")


def rotated(images, degrees):
    """Rotate images about their centre, bilinear, black outside.

    Args:
        images: (B, H, W, 1) float32.
        degrees: (B,) float32, counter-clockwise as displayed.
    """
    height, width = images.shape[1:3]
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    angle = degrees * (np.pi / 180)
    cos, sin, zero = ops.cos(angle), ops.sin(angle), ops.zeros_like(angle)
    # Output pixel (x, y) is taken from (a0·x + a1·y + a2, b0·x + b1·y + b2) of the input.
    from_x = [cos, -sin, centre_x - cos * centre_x + sin * centre_y]
    from_y = [sin, cos, centre_y - sin * centre_x - cos * centre_y]
    transform = ops.stack([*from_x, *from_y, zero, zero], axis=1)
    return ops.image.affine_transform(images, transform, interpolation="bilinear", fill_mode="constant")


def training_model(classifier_model: keras.Model) -> keras.Model:
    """Return the model that is trained: the classifier behind the augmentation, sharing its layers.

    Args:
        classifier_model: uint8 (B, H, W, 1) → logits.

    Returns:
        (uint8 (B, H, W, 1), float32 (B, 3)) → logits. What is saved is the classifier alone.
    """
    images = keras.Input(classifier_model.input_shape[1:], dtype="uint8", name="images")
    draws = keras.Input((3,), dtype="float32", name="draws")
    return keras.Model([images, draws], classifier_model(Augmentation(name="augmentation")(images, draws)))
