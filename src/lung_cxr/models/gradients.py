"""Gradients of logits with respect to a feature map; Keras has no function for them that all backends share."""

from typing import Any

import keras
import numpy as np


def gradients_of_logits(network: keras.Model, maps: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the gradient of one logit of each image, with the shape of `maps`.

    Args:
        network: Model from feature maps (B, h, w, c) to logits (B, 7).
        maps: (n, h, w, c) float.
        classes: (n,) int, the class whose logit is differentiated.
    """
    chosen = np.eye(network.output_shape[1], dtype="float32")[classes]

    def total(values: Any) -> Any:
        return keras.ops.sum(network(values, training=False) * chosen)  # images are independent of each other

    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(total)(keras.ops.convert_to_tensor(maps)))
    if keras.backend.backend() == "torch":
        import torch

        values = keras.ops.convert_to_tensor(maps).requires_grad_()
        (gradient,) = torch.autograd.grad(total(values), values)
        return np.asarray(keras.ops.convert_to_numpy(gradient))
    import tensorflow as tf

    values = tf.convert_to_tensor(maps)
    with tf.GradientTape() as tape:
        tape.watch(values)
        result = total(values)
    return np.asarray(tape.gradient(result, values))
