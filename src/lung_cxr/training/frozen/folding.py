"""Batch normalisation that is frozen is a scale and a shift: part of the convolution before it, at no cost of its own.

With statistics μ, σ² and γ, β fixed, γ(x∗K − μ)/√(σ² + ε) + β = x∗(sK) + (β − sμ) with s = γ/√(σ² + ε).
"""

from typing import Any

import keras
import numpy as np

from lung_cxr.models.initial_weights import seeded_initialisers

KERNELS = {"Conv2D": 0, "DepthwiseConv2D": 0, "SeparableConv2D": 1}
"""Layer class → which of its weights meets the output channels."""


def folded(model: keras.Model) -> keras.Model:
    """Return a copy of a frozen network that computes the same, its batch normalisations folded where they can be.

    They can where they follow a convolution that nothing else reads. The copy shares no layer with the network.

    Args:
        model: Flat and functional; run as in inference.
    """
    pairs = _pairs(model)
    normalisations = {after.name for after in pairs.values()}

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config() | ({"use_bias": True} if layer.name in pairs else {})
        return type(layer).from_config(config)

    def called(layer: keras.layers.Layer, *given: Any, **more: Any) -> Any:
        return given[0] if layer.name in normalisations else layer(*given, **more)

    with seeded_initialisers(0):  # leaves the caller's random state as it was
        copy = keras.models.clone_model(model, clone_function=copied, call_function=called)
    for layer in model.layers:
        if layer.name in pairs:
            copy.get_layer(layer.name).set_weights(_folded_weights(layer, pairs[layer.name]))
        elif layer.weights and layer.name not in normalisations:
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _pairs(model: keras.Model) -> dict[str, Any]:
    """Return name of a convolution → the batch normalisation that alone reads it."""
    readers: dict[int, list[Any]] = {}
    for layer in model.layers:
        for tensor in layer.input if isinstance(layer.input, list) else [layer.input]:
            readers.setdefault(id(tensor), []).append(layer)
    pairs = {}
    for layer in model.layers:
        after = readers.get(id(layer.output), [])
        is_convolution = type(layer).__name__ in KERNELS and layer.activation is keras.activations.linear
        if is_convolution and len(after) == 1 and isinstance(after[0], keras.layers.BatchNormalization):
            pairs[layer.name] = after[0]
    return pairs


def _folded_weights(convolution: Any, normalisation: Any) -> list[np.ndarray]:
    """Return the weights of the convolution with a bias that stands for both layers."""
    weights = convolution.get_weights()
    before = weights.pop() if convolution.use_bias else 0.0
    mean, variance = (np.asarray(x) for x in (normalisation.moving_mean, normalisation.moving_variance))
    scale = 1 / np.sqrt(variance + normalisation.epsilon)
    if normalisation.gamma is not None:
        scale = scale * np.asarray(normalisation.gamma)
    shift = np.asarray(normalisation.beta) if normalisation.beta is not None else 0.0
    which = KERNELS[type(convolution).__name__]
    kernel = weights[which]
    channels = kernel.shape[2:] if type(convolution).__name__ == "DepthwiseConv2D" else kernel.shape[3:]
    weights[which] = kernel * scale.reshape(channels)
    return [*weights, (before - mean) * scale + shift]
