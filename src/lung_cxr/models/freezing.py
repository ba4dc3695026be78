"""What of a classifier may train: the deepest m layer groups (Algorithm 1) or the top n layers (Table 3).

Three rules hold always. The head trains. Batch normalisation is frozen throughout: its moving statistics (Eq. 11) and,
unless asked for, γ and β. What is frozen runs as in inference: its dropout and drop-connect are off, so that the frozen
part of a network is one fixed function of the image.

**Every change here needs a new `model.compile(...)`** before the next `fit`: Keras trains the old variables otherwise,
silently; and with a fresh optimiser, since an old one knows only the old variables.
"""

from collections.abc import Collection
from math import prod

import keras

from lung_cxr.models.classifier import Classifier


def unfreeze_groups(classifier: Classifier, m: int, *, train_bn_affine: bool = False) -> None:
    """Let the m deepest layer groups train, θ(L−m+1)…θ(L) (Eq. 9), and freeze the others. Recompile afterwards.

    Args:
        classifier: Changed in place.
        m: Number of groups, 0…L; 0 trains the head alone (line 10 of Algorithm 1).
        train_bn_affine: Also train γ and β of the batch normalisation in these groups, never its statistics.

    Raises:
        ValueError: m is not in 0…L.
    """
    L = len(classifier.groups)
    if not 0 <= m <= L:
        raise ValueError(f"m = {m} layer groups to unfreeze: this backbone has L = {L}, so m must be 0…{L}")
    chosen = [layer for group in classifier.groups[L - m :] for layer in group]
    _train_only(classifier, chosen, train_bn_affine=train_bn_affine)


def unfreeze_top_layers(classifier: Classifier, n: int, *, train_bn_affine: bool = False) -> None:
    """Let the last n layers of the backbone train (Table 3), and freeze the others. Recompile afterwards.

    n counts Keras layers as `keras.applications` lists them, those without weights included; the head is not counted.

    Args:
        classifier: Changed in place.
        n: Number of layers, 0 to all of them.
        train_bn_affine: Also train γ and β of the batch normalisation among these layers, never its statistics.

    Raises:
        ValueError: The backbone has fewer layers.
    """
    layers = classifier.backbone_layers
    if not 0 <= n <= len(layers):
        raise ValueError(f"top_layers = {n}: this backbone has {len(layers)} layers, so n must be 0…{len(layers)}")
    _train_only(classifier, layers[len(layers) - n :], train_bn_affine=train_bn_affine)


def restore_dropout(classifier: Classifier) -> None:
    """Give every dropout layer its own rate back; before saving, so that the saved model holds the architecture's."""
    for layer in classifier.backbone_layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = classifier.dropout_rates[layer.name]


def trainable_parameters(classifier: Classifier) -> int:
    """Return how many numbers training may change now, the head's included."""
    return sum(prod(variable.shape) for variable in classifier.model.trainable_variables)


def _train_only(classifier: Classifier, chosen: Collection[keras.layers.Layer], *, train_bn_affine: bool) -> None:
    """Make exactly the chosen backbone layers train, batch normalisation excepted."""
    restore_dropout(classifier)
    names = {layer.name for layer in chosen}
    for layer in classifier.backbone_layers:
        thawed = layer.name in names
        if isinstance(layer, keras.layers.BatchNormalization):
            _freeze_batch_normalisation(layer, train_affine=thawed and train_bn_affine)
            continue
        layer.trainable = thawed
        if isinstance(layer, keras.layers.Dropout) and not thawed:
            layer.rate = 0.0  # keras.layers.Dropout looks at its rate, not at `trainable`


def _freeze_batch_normalisation(layer: keras.layers.BatchNormalization, *, train_affine: bool) -> None:
    """Keep the statistics fixed and in use. `trainable` of the layer decides that; of a variable, whether it trains."""
    layer.trainable = False
    for variable in (layer.gamma, layer.beta):
        if variable is not None:  # InceptionV3's has no γ
            variable.trainable = train_affine
