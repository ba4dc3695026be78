"""The architecture of each backbone (section IV.E of the paper), one row each.

A row says how `keras.applications` builds the network, how its input is scaled and where its layer groups θ(1)…θ(L)
(Eq. 7) end. Input size, weights and `top_layers` are settings: `conf/base/parameters_backbones.yml`. A new backbone is
one row here and one block there. This module imports no Keras, so that the table is read without loading it.

Groups are the blocks of the architecture that have weights, shallow to deep. They end at positions in the network's
topological order, because automatic layer names change with the layers built before (`conv2d_17`). Exactly one tensor
crosses the end of each group, so the layers before it can be computed without the layers behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Backbone:
    """One row: a network of `keras.applications`.

    Attributes:
        constructor: Name of the function in `keras.applications`.
        scale, offset: The network's `preprocess_input` as `x · scale + offset`, for each of its three input channels;
            x is a grey value 0…255, equal in all three.
        group_ends: Last layer of each of the L groups, shallow to deep; the last one ends the backbone. A name with a
            capital is a class: it means the next layer of that class, for layers without a fixed name.
    """

    constructor: str
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    group_ends: tuple[str, ...]


# Input scaling of keras.applications.imagenet_utils.preprocess_input, in the channel order of the network. "caffe"
# networks were trained on BGR; for three equal channels this affects only the order of the offsets.
TF_SCALING = ((1 / 127.5,) * 3, (-1.0,) * 3)  # −1…1
CAFFE_SCALING = ((1.0,) * 3, (-103.939, -116.779, -123.68))  # minus ImageNet's mean colour, BGR
# 0…1, then standardised with ImageNet's mean and SD, RGB
TORCH_SCALING = (
    (1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)
NO_SCALING = ((1.0,) * 3, (0.0,) * 3)  # the network has its own scaling layer

BACKBONES: dict[str, Backbone] = {
    # 14 groups: the stem's two convolutions, twelve residual blocks (their additions have no names), block 14
    "xception": Backbone("Xception", *TF_SCALING, ("block1_conv2_act", *["Add"] * 12, "block14_sepconv2_act")),
    # 30: the stem; 58 dense layers in pairs, a transition with the pair behind it; the final norm with the last pair
    "densenet121": Backbone(
        "DenseNet121",
        *TORCH_SCALING,
        (
            "pool1",
            *(f"conv{s}_block{b}_concat" for s, n in enumerate((6, 12, 24), 2) for b in range(2, n + 1, 2)),
            *(f"conv5_block{b}_concat" for b in range(2, 16, 2)),
            "relu",
        ),
    ),
    # 42: the stem, 40 blocks in six stages (a block that changes the shape adds no shortcut), the top convolution
    "efficientnetv2s": Backbone(
        "EfficientNetV2S",
        *NO_SCALING,
        (
            "stem_activation",
            *(
                f"block{stage}{letter}_{'project_bn' if stage > 1 and letter == 'a' else 'add'}"
                for stage, blocks in enumerate((2, 4, 4, 6, 9, 15), 1)
                for letter in "abcdefghijklmno"[:blocks]
            ),
            "top_activation",
        ),
    ),
    # 12: the stem as far as its first max pooling; mixed0 with the rest of the stem before it; mixed1 … mixed10
    "inceptionv3": Backbone("InceptionV3", *TF_SCALING, ("MaxPooling2D", *(f"mixed{i}" for i in range(11)))),
    # 14: the stem, thirteen depthwise separable blocks
    "mobilenet": Backbone("MobileNet", *TF_SCALING, ("conv1_relu", *(f"conv_pw_{i}_relu" for i in range(1, 14)))),
    # 17: the stem, sixteen residual blocks
    "resnet50": Backbone(
        "ResNet50",
        *CAFFE_SCALING,
        ("pool1_pool", *(f"conv{s}_block{b}_out" for s, n in enumerate((3, 4, 6, 3), 2) for b in range(1, n + 1))),
    ),
    # 13: each convolution; a pooling goes with the convolution before it
    "vgg16": Backbone(
        "VGG16",
        *CAFFE_SCALING,
        tuple(
            f"block{s}_{'pool' if c == n else f'conv{c}'}"
            for s, n in enumerate((2, 2, 3, 3, 3), 1)
            for c in range(1, n + 1)
        ),
    ),
}


def backbone_named(architecture: str) -> Backbone:
    """Return the row of a backbone.

    Raises:
        ValueError: There is no such row; the message lists the existing ones.
    """
    if architecture not in BACKBONES:
        raise ValueError(f"backbone {architecture!r} is unknown; choose one of {', '.join(BACKBONES)}")
    return BACKBONES[architecture]


def layer_groups(layers: Sequence[Any], group_ends: Sequence[str]) -> list[list[Any]]:
    """Cut a backbone's layers into its groups θ(1)…θ(L) (Eq. 7).

    Args:
        layers: Keras layers in topological order.
        group_ends: Last layer of each group (`Backbone.group_ends`).

    Returns:
        L lists of layers, shallow to deep; together they are `layers`.

    Raises:
        ValueError: The row does not describe this network: a group's end is not found behind the previous end, layers
            are left over, or a group has no weights to train.
    """
    groups, begin = [], 0
    for number, end in enumerate(group_ends, 1):
        position = next((i for i in range(begin, len(layers)) if _is_named(layers[i], end)), None)
        if position is None:
            raise ValueError(
                f"layer group {number} should end at {end!r}; no such layer was found behind group {number - 1}"
            )
        group = list(layers[begin : position + 1])
        if not any(_trains(layer) for layer in group):
            raise ValueError(f"layer group {number} (to {end!r}) has no trainable weight; move its end")
        groups.append(group)
        begin = position + 1
    if begin != len(layers):
        raise ValueError(f"{len(layers) - begin} layers follow the last group's end {group_ends[-1]!r}; expected none")
    return groups


def _is_named(layer: Any, end: str) -> bool:
    """Return whether `end` names this layer: its class if `end` begins with a capital, else its name."""
    return type(layer).__name__ == end if end[0].isupper() else layer.name == end


def _trains(layer: Any) -> bool:
    """Return whether a layer has weights that fine-tuning may change; batch normalisation is excluded (Eq. 11)."""
    return bool(layer.weights) and type(layer).__name__ != "BatchNormalization"
