"""The facts of the seven backbones (section IV.E of the paper), one row each.

A row says how `keras.applications` calls the network, what input it was trained on and where its layer groups
θ(1)…θ(L) (Eq. 7) end. This module imports no Keras: the table can be read without loading a deep-learning library.

Groups are the blocks of the architecture that own weights, shallow to deep. They are cut at positions in the network's
topological order, so that layers which Keras names automatically (`conv2d_17`: the number shifts with whatever was
built before in the process) belong to a group by where they stand. One tensor only crosses each cut: what lies before
it can be computed without what lies behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Backbone:
    """One row: a network of `keras.applications`.

    Attributes:
        constructor: Its name in `keras.applications`.
        size: Side of the square input it was published with, pixels.
        scale, offset: Its own `preprocess_input` as `x · scale + offset`, for the three channels the network sees,
            on a grey value 0…255 replicated to all three.
        group_ends: The last layer of each group, shallow to deep; L of them, the last one ends the backbone. A name
            with a capital is a class: the next layer of that class, for layers without a fixed name.
        top_layers: n of Table 3, the Keras layers that traditional fine-tuning unfreezes.
    """

    constructor: str
    size: int
    scale: tuple[float, float, float]
    offset: tuple[float, float, float]
    group_ends: tuple[str, ...]
    top_layers: int


# Input scaling, as keras.applications.imagenet_utils.preprocess_input has it. Order of the channels as the network sees
# them: "caffe" networks were trained on BGR, and swapping three equal channels changes nothing but the offsets' order.
TF_SCALING = ((1 / 127.5,) * 3, (-1.0,) * 3)  # −1…1
CAFFE_SCALING = ((1.0,) * 3, (-103.939, -116.779, -123.68))  # minus ImageNet's mean colour, BGR
TORCH_SCALING = (  # 0…1, then standardised with ImageNet's mean and SD, RGB
    (1 / 255 / 0.229, 1 / 255 / 0.224, 1 / 255 / 0.225),
    (-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
)
NO_SCALING = ((1.0,) * 3, (0.0,) * 3)  # the network scales by itself

BACKBONES: dict[str, Backbone] = {
    # 14 groups: the stem's two convolutions, twelve residual blocks (their additions have no names), block 14
    "xception": Backbone(
        "Xception", 299, *TF_SCALING, ("block1_conv2_act", *["Add"] * 12, "block14_sepconv2_act"), top_layers=70
    ),
    # 30: the stem; 58 dense layers in pairs, a transition with the pair behind it; the final norm with the last pair
    "densenet121": Backbone(
        "DenseNet121",
        224,
        *TORCH_SCALING,
        (
            "pool1",
            *(f"conv{s}_block{b}_concat" for s, n in enumerate((6, 12, 24), 2) for b in range(2, n + 1, 2)),
            *(f"conv5_block{b}_concat" for b in range(2, 16, 2)),
            "relu",
        ),
        top_layers=174,
    ),
    # 42: the stem, 40 blocks in six stages (a block that changes the shape adds no shortcut), the top convolution
    "efficientnetv2s": Backbone(
        "EfficientNetV2S",
        384,
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
        top_layers=260,
    ),
    # 12: the stem as far as its first max pooling; mixed0 with the rest of the stem before it; mixed1 … mixed10
    "inceptionv3": Backbone(
        "InceptionV3", 299, *TF_SCALING, ("MaxPooling2D", *(f"mixed{i}" for i in range(11))), top_layers=159
    ),
    # 14: the stem, thirteen depthwise separable blocks
    "mobilenet": Backbone(
        "MobileNet",
        224,
        *TF_SCALING,
        ("conv1_relu", *(f"conv_pw_{i}_relu" for i in range(1, 14))),
        top_layers=29,
    ),
    # 17: the stem, sixteen residual blocks
    "resnet50": Backbone(
        "ResNet50",
        224,
        *CAFFE_SCALING,
        ("pool1_pool", *(f"conv{s}_block{b}_out" for s, n in enumerate((3, 4, 6, 3), 2) for b in range(1, n + 1))),
        top_layers=5,
    ),
    # 13: each convolution; a pooling goes with the convolution before it
    "vgg16": Backbone(
        "VGG16",
        224,
        *CAFFE_SCALING,
        tuple(
            f"block{s}_{'pool' if c == n else f'conv{c}'}"
            for s, n in enumerate((2, 2, 3, 3, 3), 1)
            for c in range(1, n + 1)
        ),
        top_layers=10,
    ),
}


def backbone_named(architecture: str) -> Backbone:
    """Return the row of a backbone.

    Raises:
        ValueError: No such row; the message lists those there are.
    """
    if architecture not in BACKBONES:
        raise ValueError(f"backbone {architecture!r} is unknown; choose one of {', '.join(BACKBONES)}")
    return BACKBONES[architecture]


def layer_groups(layers: Sequence[Any], group_ends: Sequence[str]) -> list[list[Any]]:
    """Cut a backbone's layers into its groups θ(1)…θ(L) (Eq. 7).

    Args:
        layers: Keras layers in topological order.
        group_ends: The last layer of each group (`Backbone.group_ends`).

    Returns:
        L lists of layers, shallow to deep; together they are `layers`.

    Raises:
        ValueError: A group's end is not found behind the end before it, layers are left over, or a group would have
            nothing to train. The network is then not the one its row describes.
    """
    groups, begin = [], 0
    for number, end in enumerate(group_ends, 1):
        position = next((i for i in range(begin, len(layers)) if _is_named(layers[i], end)), None)
        if position is None:
            raise ValueError(
                f"layer group {number} should end at {end!r}, which was not found behind group {number - 1}"
            )
        group = list(layers[begin : position + 1])
        if not any(_trains(layer) for layer in group):
            raise ValueError(f"layer group {number} (to {end!r}) has no weight that could train; move its end")
        groups.append(group)
        begin = position + 1
    if begin != len(layers):
        raise ValueError(f"{len(layers) - begin} layers stand behind the last group's end {group_ends[-1]!r}")
    return groups


def _is_named(layer: Any, end: str) -> bool:
    """Whether a group's end means this layer: by class where it begins with a capital, else by name."""
    return type(layer).__name__ == end if end[0].isupper() else layer.name == end


def _trains(layer: Any) -> bool:
    """Whether a layer owns weights that fine-tuning may change; batch normalisation never counts (Eq. 11)."""
    return bool(layer.weights) and type(layer).__name__ != "BatchNormalization"
