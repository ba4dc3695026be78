"""Build the classifier: one flat functional model from the stored grey image to seven logits (section III.A).

    uint8 (B, size, size, 1) → three equal channels → the backbone's own scaling → backbone → head → float32 (B, 7)

Preprocessing is part of the model, so a saved model takes grey images as they are stored. The model has only Keras' own
layers and loads without this package.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from warnings import catch_warnings, filterwarnings

import keras

from lung_cxr.diseases import DISEASES
from lung_cxr.models.backbones import Backbone, backbone_named, layer_groups
from lung_cxr.models.initial_weights import (
    IMAGENET,
    InitialWeights,
    download_timeout,
    is_failed_download,
    load_weights_file,
    places_to_try,
    seeded_initialisers,
    sha256_of_weights,
)
from lung_cxr.parameters import BackboneParameters

log = logging.getLogger(__name__)

# Hidden units of `flatten_dense`. Ours: the paper does not describe its head, and no width gives all its file sizes.
DENSE_UNITS = 256


@dataclass
class Classifier:
    """A model with the structure that training needs.

    Attributes:
        model: Flat functional model, uint8 (B, size, size, 1) → float32 logits (B, 7), classes as in `DISEASES`.
        groups: Layer groups θ(1)…θ(L), shallow to deep; together they are `backbone_layers`.
        backbone_layers: Layers of the `keras.applications` network in topological order; n of Table 3 counts them.
        head_layers: Layers behind the backbone; they always train.
        dropout_rates: Rate of each dropout or drop-connect layer of the backbone, by layer name.
        weights_source: `imagenet`, the name of the weights file, or `random`.
        weights_sha256: SHA-256 of the weights file; without a file, of the backbone's initial arrays.
        warnings: Warnings that the report repeats.
        batch_normalisation_images: Number of training images behind the batch normalisation statistics; 0: the
            statistics came with the weights.
    """

    model: keras.Model
    groups: list[list[keras.layers.Layer]]
    backbone_layers: list[keras.layers.Layer]
    head_layers: list[keras.layers.Layer]
    dropout_rates: dict[str, float]
    weights_source: str
    weights_sha256: str | None
    warnings: list[str] = field(default_factory=list)
    batch_normalisation_images: int = 0


def build_classifier(
    parameters: BackboneParameters, *, dropout: float, head: Literal["gap", "flatten_dense"], seed: int
) -> Classifier:
    """Build the classifier of one backbone.

    The logits layer is initialised to zero, so that every class starts at the same probability. Random weights of the
    backbone depend only on the seed; they differ between Keras backends.

    Args:
        parameters: Architecture, input size, weights and further constructor arguments.
        dropout: Dropout rate before the logits.
        head: `gap` (global average pooling → dropout → 7 logits) or `flatten_dense` (flatten → 256 units → dropout
            → 7 logits). The file sizes of Tables 3 and 4 suggest a head larger than a small backbone.
        seed: Seed of head, random weights and dropout.

    Raises:
        FileNotFoundError: The weights file does not exist.
        ConnectionError: `weights: imagenet` could not be downloaded.
        ValueError: The backbone is unknown, the input is too small for it, or the weights do not fit.
    """
    row = backbone_named(parameters.architecture)
    image = keras.Input((parameters.size, parameters.size, 1), dtype="uint8", name="image")
    scaled = _scaled_colour(image, row)
    network, weights, warnings = _first_that_loads(
        places_to_try(parameters.weights, parameters.architecture),
        lambda place: _backbone_on(scaled, row, parameters, place, seed),
        parameters.architecture,
    )
    logits, head_layers = _head_on(network.output, head, dropout, seed)
    before = {"image", "grey_to_colour", "input_scaling"}
    backbone_layers = [layer for layer in network.layers if layer.name not in before]
    return Classifier(
        model=keras.Model(image, logits, name=parameters.architecture),
        groups=layer_groups(backbone_layers, row.group_ends),
        backbone_layers=backbone_layers,
        head_layers=head_layers,
        dropout_rates={x.name: x.rate for x in backbone_layers if isinstance(x, keras.layers.Dropout)},
        weights_source=weights.source,
        weights_sha256=sha256_of_weights(weights, network),
        warnings=warnings,
    )


def reinitialise_head(classifier: Classifier) -> None:
    """Set the weights of the head to their initial values, which the seeds of the initialisers determine."""
    for layer in classifier.head_layers:
        if isinstance(layer, keras.layers.Dense):
            initialisers = (layer.kernel_initializer, layer.bias_initializer)
            for variable, initialiser in zip((layer.kernel, layer.bias), initialisers, strict=True):
                variable.assign(initialiser(variable.shape, dtype=variable.dtype))


def _scaled_colour(image: keras.KerasTensor, row: Backbone) -> keras.KerasTensor:
    """Convert (B, size, size, 1) uint8 to (B, size, size, 3) float32 in the range that the backbone expects."""
    colour = keras.layers.Concatenate(name="grey_to_colour")([image, image, image])
    # float32 even under mixed precision: bfloat16 has fewer than eight bits of precision
    return keras.layers.Rescaling(list(row.scale), list(row.offset), dtype="float32", name="input_scaling")(colour)


def _backbone_on(
    scaled: keras.KerasTensor, row: Backbone, parameters: BackboneParameters, weights: InitialWeights, seed: int
) -> keras.Model:
    """Build the backbone on the scaled image as one flat graph, without a nested model."""
    with seeded_initialisers(seed), download_timeout(weights), catch_warnings():
        filterwarnings("ignore", "`input_shape` is undefined")  # MobileNet's weights serve every input size
        network = getattr(keras.applications, row.constructor)(
            include_top=False,
            weights="imagenet" if weights is IMAGENET else None,
            input_tensor=scaled,
            input_shape=(parameters.size, parameters.size, 3),
            **parameters.options,
        )
    if weights.file is not None:
        load_weights_file(network, weights.file, parameters.architecture)
    return network


def _first_that_loads(
    places: list[InitialWeights], build: Callable[[InitialWeights], keras.Model], architecture: str
) -> tuple[keras.Model, InitialWeights, list[str]]:
    """Build with the first weights that can be loaded; warn if they are not the first choice."""
    first, *fallback = places
    try:
        return build(first), first, []
    except Exception as error:  # keras.utils.get_file raises bare Exception
        if first is not IMAGENET or not is_failed_download(error):
            raise
        if not fallback:
            raise ConnectionError(
                f"the ImageNet weights of {architecture} could not be downloaded. Set a weights file instead: "
                f"backbones.{architecture}.weights: <path> in conf/<env>/parameters_backbones.yml"
            ) from error
    warning = (
        f"{architecture}: the ImageNet weights could not be downloaded; the backbone starts from random weights, and "
        "its results say nothing about transfer learning"
    )
    log.warning(warning)
    return build(fallback[0]), fallback[0], [warning]


def _head_on(
    features: keras.KerasTensor, head: str, dropout: float, seed: int
) -> tuple[keras.KerasTensor, list[keras.layers.Layer]]:
    """Add the head: (B, h, w, c) → (B, 7) float32 logits."""
    if head == "gap":
        layers = [keras.layers.GlobalAveragePooling2D(name="head_pooling")]
    else:
        hidden = keras.initializers.GlorotUniform(seed=seed + 1)
        layers = [
            keras.layers.Flatten(name="head_flatten"),
            keras.layers.Dense(DENSE_UNITS, "relu", kernel_initializer=hidden, name="head_dense"),
        ]
    layers += [
        keras.layers.Dropout(dropout, seed=seed, name="head_dropout"),
        keras.layers.Dense(
            len(DISEASES),
            kernel_initializer="zeros",  # the loss starts at ln 7 (docs/decisions.md)
            dtype="float32",  # even under mixed precision: the softmax needs it
            name="logits",
        ),
    ]
    for layer in layers:
        features = layer(features)
    return features, layers
