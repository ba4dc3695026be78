"""Choose the layers that train: the deepest m layer groups (Algorithm 1) or the top n layers (Table 3).

Three rules always hold:

1. The head trains.
2. Batch normalisation is frozen: its moving statistics (Eq. 11), γ and β. `adapt_batch_normalisation` sets the
   statistics once before training, and only where random weights came without any.
3. Frozen layers run in inference mode: their dropout and drop-connect are off. The frozen part of a network is
   therefore one fixed function of the image.

**After every change made here, call `model.compile(...)` with a fresh optimiser before the next `fit`.** Otherwise
Keras trains the old variables without a warning; an old optimiser knows only the old variables.
"""

from collections.abc import Collection
from math import prod

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier

MAX_ADAPTATION_IMAGES = 512  # enough for a mean and a variance per channel
ADAPTATION_BATCH = 32  # images


def unfreeze_groups(classifier: Classifier, m: int) -> None:
    """Unfreeze the m deepest layer groups θ(L−m+1)…θ(L) (Eq. 9); freeze the others. Recompile afterwards.

    Args:
        classifier: Classifier to change in place.
        m: Number of groups, 0…L; 0 trains only the head (line 10 of Algorithm 1).

    Raises:
        ValueError: m is not in 0…L.
    """
    L = len(classifier.groups)
    if not 0 <= m <= L:
        raise ValueError(f"m = {m} layer groups to unfreeze: this backbone has L = {L}, so m must be 0…{L}")
    _train_only(classifier, [layer for group in classifier.groups[L - m :] for layer in group])


def unfreeze_top_layers(classifier: Classifier, n: int) -> None:
    """Unfreeze the last n layers of the backbone (Table 3); freeze the others. Recompile afterwards.

    n counts Keras layers in the order of `keras.applications`, including layers without weights; it does not count the
    head.

    Args:
        classifier: Classifier to change in place.
        n: Number of layers, 0 to all.

    Raises:
        ValueError: The backbone has fewer layers.
    """
    layers = classifier.backbone_layers
    if not 0 <= n <= len(layers):
        raise ValueError(f"top_layers = {n}: this backbone has {len(layers)} layers, so n must be 0…{len(layers)}")
    _train_only(classifier, layers[len(layers) - n :])


def restore_dropout(classifier: Classifier) -> None:
    """Restore the original rate of every dropout layer; call it before saving, so that the file has these rates."""
    for layer in classifier.backbone_layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = classifier.dropout_rates[layer.name]


def open_groups(classifier: Classifier) -> int:
    """Return the number of layer groups with a trainable weight: m in dynamic fine-tuning."""
    return sum(any(layer.trainable_variables for layer in group) for group in classifier.groups)


def trainable_parameters(classifier: Classifier) -> int:
    """Return the number of trainable parameters, including the head's."""
    return sum(prod(variable.shape) for variable in classifier.model.trainable_variables)


def adapt_batch_normalisation(classifier: Classifier, pixels: np.ndarray) -> None:
    """Set the moving statistics of every batch normalisation layer from training images, then freeze the layers.

    Under random weights the initial statistics (mean 0, variance 1) fit no layer: the signal shrinks from layer to
    layer, and the pooled features vanish (MobileNet: SD about 1e-20). Each layer here receives inputs that the layers
    before it have normalised with the statistics of the batch; its moving statistics become the mean over all batches,
    weighted by their size.

    Args:
        classifier: Classifier to change in place.
        pixels: Training images, (n, size, size) uint8, 1 ≤ n ≤ 512.

    Raises:
        ValueError: There are no images, or more than 512.
    """
    if not 1 <= len(pixels) <= MAX_ADAPTATION_IMAGES:
        raise ValueError(
            f"{len(pixels)} images to adapt batch normalisation: give 1 to {MAX_ADAPTATION_IMAGES} training images"
        )
    normalisations = [x for x in classifier.backbone_layers if isinstance(x, keras.layers.BatchNormalization)]
    dropouts = [x for x in classifier.model.layers if isinstance(x, keras.layers.Dropout)]
    momenta, rates = [x.momentum for x in normalisations], [x.rate for x in dropouts]
    for layer in dropouts:
        layer.rate = 0.0
    for begin in range(0, len(pixels), ADAPTATION_BATCH) if normalisations else ():
        batch = np.asarray(pixels[begin : begin + ADAPTATION_BATCH])[..., None]
        for layer in normalisations:
            layer.trainable = True  # a frozen layer would use its statistics and not update them
            layer.momentum = begin / (begin + len(batch))  # cumulative mean; the first batch replaces the old value
        classifier.model(batch, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum, layer.trainable = momentum, False
    for layer, rate in zip(dropouts, rates, strict=True):
        layer.rate = rate
    classifier.batch_normalisation_images = len(pixels) if normalisations else 0


def _train_only(classifier: Classifier, chosen: Collection[keras.layers.Layer]) -> None:
    """Make exactly the chosen backbone layers trainable, except batch normalisation."""
    restore_dropout(classifier)
    names = {layer.name for layer in chosen}
    for layer in classifier.backbone_layers:
        unfrozen = layer.name in names
        layer.trainable = unfrozen and not isinstance(layer, keras.layers.BatchNormalization)
        if isinstance(layer, keras.layers.Dropout) and not unfrozen:
            layer.rate = 0.0  # keras.layers.Dropout uses its rate and ignores `trainable`
