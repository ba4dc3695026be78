"""Grad-CAM (Selvaraju et al. 2017) on the last feature map: which image regions support a class.

Grad-CAM weights the channels of the map F (h, w, c) by the gradient of the class's logit, averaged over positions.
Behind global average pooling, and with dropout off, the logit is linear in the map. With kernel W (c, 7) and bias b:

    logit_k = b_k + 1/(h·w) · Σ_positions Σ_channels F · W_k

The gradient is therefore W_k / (h·w) at every position and needs no automatic differentiation; the values are the same
on every Keras backend. Grad-CAM then equals the class activation map of Zhou et al. (2016), and its positions sum to
logit_k − b_k. Behind `flatten_dense` neither holds, and there is no map.
"""

import keras
import numpy as np

POOLING, LOGITS = "head_pooling", "logits"  # layers of `models/classifier.py`
BATCH = 32


class NoFeatureMapError(ValueError):
    """The model's head has no global average pooling."""


def class_evidence(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the contribution of each position of the last feature map to a class's logit.

    Args:
        model: Model of `build_classifier` with `head: gap`, or loaded from its file.
        images: (n, size, size, 1) uint8, 0 black.
        classes: (n,) int, class to explain in each image.

    Returns:
        (n, h, w) float64; the positions of an image sum to its logit minus the bias. A negative value speaks against
        the class.

    Raises:
        NoFeatureMapError: The model has another head.
    """
    names = {layer.name for layer in model.layers}
    if POOLING not in names:
        raise NoFeatureMapError(
            "Grad-CAM needs global average pooling (training.head: gap); with flatten_dense the logit is not a sum "
            "over positions"
        )
    features = keras.Model(model.input, model.get_layer(POOLING).input)
    maps = np.asarray(features.predict(images, batch_size=min(len(images), BATCH), verbose=0), dtype=np.float64)
    kernel = keras.ops.convert_to_numpy(model.get_layer(LOGITS).kernel).astype(np.float64)
    height, width = maps.shape[1:3]
    return np.einsum("nhwc,nc->nhw", maps, kernel.T[classes]) / (height * width)


def heat_maps(evidence: np.ndarray, size: int) -> np.ndarray:
    """Return the positive evidence at the size of the image, scaled to a maximum of 1.

    Args:
        evidence: (n, h, w), as `class_evidence` returns it.
        size: Side of the images, pixels.

    Returns:
        (n, size, size) float32 in 0…1; 0 everywhere if there is no positive evidence.
    """
    positive = np.maximum(evidence, 0).astype(np.float32)[..., None]
    enlarged = keras.ops.image.resize(positive, (size, size), interpolation="bilinear", data_format="channels_last")
    shown = keras.ops.convert_to_numpy(enlarged)[..., 0]
    strongest = shown.max(axis=(1, 2), keepdims=True)
    return np.divide(shown, strongest, out=np.zeros_like(shown), where=strongest > 0)
