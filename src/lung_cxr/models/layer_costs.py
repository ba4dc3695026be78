"""Estimate the cost of layers for one image from their shapes: operations and bytes moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any


@dataclass(frozen=True)
class Cost:
    """Cost of a forward pass of one image.

    Attributes:
        flops: Floating-point operations, two for each multiply-add.
        traffic: Bytes of activations read and written.
    """

    flops: float = 0.0
    traffic: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.flops + other.flops, self.traffic + other.traffic)


def cost_of(layers: Iterable[Any]) -> Cost:
    """Return the total cost of Keras layers of one network."""
    return sum((_cost(layer) for layer in layers), Cost())


def bytes_of(tensor: Any) -> int:
    """Return the bytes of one image in a symbolic tensor (B, …)."""
    return prod(tensor.shape[1:]) * _ITEM_SIZES.get(str(tensor.dtype), 4)


_ITEM_SIZES = {"uint8": 1, "bfloat16": 2, "float16": 2, "float32": 4}


def _cost(layer: Any) -> Cost:
    """Count each weight with two or more axes once per position of the output; other layers only move bytes."""
    output = layer.output
    places = prod(output.shape[1:-1]) if len(output.shape) > 2 else 1
    kernels = (weight for weight in layer.weights if len(weight.shape) > 1)
    inputs = layer.input if isinstance(layer.input, list) else [layer.input]
    return Cost(
        flops=sum(2.0 * prod(kernel.shape) * places for kernel in kernels),
        traffic=float(bytes_of(output) + sum(map(bytes_of, inputs))),
    )
