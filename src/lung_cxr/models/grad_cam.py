"""Where in an image a class was seen: Grad-CAM (Selvaraju et al. 2017) on the last feature map.

Grad-CAM weighs the channels of that map by the mean over its places of the gradient of the class's logit. Behind global
average pooling the logit is linear in the map, dropout being off: with kernel W (c, 7) and bias b,

    logit_k = b_k + 1/(h·w) · Σ_places Σ_channels F · W_k

so the gradient is W_k / (h·w) everywhere and needs no automatic differentiation: the same numbers on every Keras
backend. There Grad-CAM is the class activation map of Zhou et al. (2016), and its places sum to logit_k − b_k. Behind
`flatten_dense` neither holds, and there is no map.
"""

import keras
import numpy as np

POOLING, LOGITS = "head_pooling", "logits"  # layers of `models/classifier.py`


class NoFeatureMapError(ValueError):
    """The model has no head behind which a class can be traced to a place."""


def class_evidence(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return what each place of the last feature map adds to a class's logit.

    Args:
        model: Of `build_classifier` with `head: gap`, or loaded from its file.
        images: (n, size, size, 1) uint8, 0 black.
        classes: (n,) int, the class asked about in each image.

    Returns:
        (n, h, w) float64; an image's places sum to its logit minus the bias. Negative: against the class.

    Raises:
        NoFeatureMapError: The model has another head.
    """
    names = {layer.name for layer in model.layers}
    if POOLING not in names:
        raise NoFeatureMapError(
            "Grad-CAM needs a head of global average pooling (training.head: gap); behind flatten_dense a class is not "
            "a sum over places"
        )
    features = keras.Model(model.input, model.get_layer(POOLING).input)
    maps = np.asarray(features.predict(images, batch_size=len(images), verbose=0), dtype=np.float64)
    kernel = keras.ops.convert_to_numpy(model.get_layer(LOGITS).kernel).astype(np.float64)
    height, width = maps.shape[1:3]
    return np.einsum("nhwc,nc->nhw", maps, kernel.T[classes]) / (height * width)


def heat_maps(evidence: np.ndarray, size: int) -> np.ndarray:
    """Return Grad-CAM as it is drawn: what speaks for the class, at the size of the image, the strongest place at 1.

    Args:
        evidence: (n, h, w), as `class_evidence` returns it.
        size: Side of the images, pixels.

    Returns:
        (n, size, size) float32 in 0…1; 0 throughout where nothing speaks for the class.
    """
    positive = np.maximum(evidence, 0).astype(np.float32)[..., None]
    enlarged = keras.ops.image.resize(positive, (size, size), interpolation="bilinear", data_format="channels_last")
    shown = keras.ops.convert_to_numpy(enlarged)[..., 0]
    strongest = shown.max(axis=(1, 2), keepdims=True)
    return np.divide(shown, strongest, out=np.zeros_like(shown), where=strongest > 0)
