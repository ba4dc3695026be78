"""Grad-CAM (Selvaraju et al. 2017): which image regions support a class.

Grad-CAM weights the channels of a feature map F (h, w, c) by the gradient of the class's logit z_k, averaged over the
positions:

    e(position) = Σ_channels F · mean over positions of ∂z_k/∂F

The last map of a small input says nothing (MobileNet at 128 pixels: 4 × 4). The deepest map with at least `MIN_SIDE`
positions a side is explained, of those that every path through the network crosses. At the published input sizes, this
is the last one.

On the last map, behind global average pooling and with dropout off, the logit is linear in the map. With kernel W
(c, 7) and bias b, the gradient is W_k / (h·w) at every position and needs no automatic differentiation; the positions
sum to z_k − b_k (class activation map, Zhou et al. 2016). On an earlier map they do not. Behind `flatten_dense` there
is no map.
"""

from collections.abc import Sequence

import keras
import numpy as np

from lung_cxr.models.gradients import gradients_of_logits

POOLING, LOGITS = "head_pooling", "logits"  # layers of `models/classifier.py`
MIN_SIDE = 7  # of the last map at 224 pixels, the published size of most backbones
COLOURS = 3  # a map with more channels is no image
BATCH = 32


class NoFeatureMapError(ValueError):
    """The model's head has no global average pooling."""


def class_evidence(model: keras.Model, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the contribution of each position of a feature map to a class's logit.

    Args:
        model: Model of `build_classifier` with `head: gap`, or loaded from its file.
        images: (n, size, size, 1) uint8, 0 black.
        classes: (n,) int, class to explain in each image.

    Returns:
        (n, h, w) float64. A negative value speaks against the class. On the last map, the positions of an image sum to
        its logit minus the bias.

    Raises:
        NoFeatureMapError: The model has another head.
    """
    names = {layer.name for layer in model.layers}
    if POOLING not in names:
        raise NoFeatureMapError(
            "Grad-CAM needs global average pooling (training.head: gap); with flatten_dense the logit is not a sum "
            "over positions"
        )
    last = model.get_layer(POOLING).input
    chosen = _deepest_map(model, last)
    features = keras.Model(model.input, chosen)
    maps = np.asarray(features.predict(images, batch_size=min(len(images), BATCH), verbose=0))
    if chosen is last:
        kernel = keras.ops.convert_to_numpy(model.get_layer(LOGITS).kernel).astype(np.float64)
        weights = kernel.T[classes] / (maps.shape[1] * maps.shape[2])
    else:
        rest = keras.Model(chosen, model.output)
        parts = [slice(start, start + BATCH) for start in range(0, len(images), BATCH)]
        weights = np.concatenate(
            [gradients_of_logits(rest, maps[part], classes[part]).mean(axis=(1, 2)) for part in parts]
        )
    return np.einsum("nhwc,nc->nhw", maps.astype(np.float64), weights.astype(np.float64))


def _deepest_map(model: keras.Model, last: keras.KerasTensor) -> keras.KerasTensor:
    """Return the deepest map with at least `MIN_SIDE` positions a side that every path crosses; else the last one."""
    if min(last.shape[1:3]) >= MIN_SIDE:
        return last
    crossed = [
        layer.output
        for layer in crossed_by_every_path(model.layers)
        if len(layer.output.shape) == 4
        and layer.output.shape[-1] > COLOURS
        and not isinstance(layer, keras.layers.ZeroPadding2D)
    ]
    return next((one for one in reversed(crossed) if min(one.shape[1:3]) >= MIN_SIDE), last)


def crossed_by_every_path(layers: Sequence[keras.layers.Layer]) -> list[keras.layers.Layer]:
    """Return the layers whose output every path from the first to the last layer crosses, in order.

    Args:
        layers: Layers of a flat functional model, in topological order.
    """
    last_use: dict[int, int] = {}
    for position, layer in enumerate(layers):
        if not isinstance(layer, keras.layers.InputLayer):
            last_use |= {id(tensor): position for tensor in keras.tree.flatten(layer.input)}
    crossed, others_used_until = [], -1
    for position, layer in enumerate(layers):
        if others_used_until <= position:
            crossed.append(layer)
        others_used_until = max(others_used_until, last_use.get(id(layer.output), position))
    return crossed


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
