"""Statistics for batch normalisation that never saw an image.

Batch normalisation is frozen throughout (Eq. 11). Under ImageNet weights its statistics are ImageNet's; under random
weights they are mean 0 and variance 1, which fit nothing: the signal shrinks from layer to layer and the pooled
features are dead (MobileNet: SD around 1e-20). One pass over training images mends that before everything is frozen.
"""

import keras
import numpy as np

from lung_cxr.models.classifier import Classifier

MOST_IMAGES = 512  # enough for a mean and a variance per channel
BATCH = 32  # images


def adapt_batch_normalisation(classifier: Classifier, pixels: np.ndarray) -> None:
    """Set the moving statistics of every batch normalisation from training images, then freeze it.

    Each layer sees inputs that the layers before it have normalised with the batch's own statistics; the moving
    statistics become the mean over the batches, weighted by their size.

    Args:
        classifier: Changed in place: the statistics, and batch normalisation is frozen afterwards.
        pixels: Training images only, (n, size, size) uint8, 1 ≤ n ≤ 512.

    Raises:
        ValueError: No images, or more than 512.
    """
    if not 1 <= len(pixels) <= MOST_IMAGES:
        raise ValueError(f"{len(pixels)} images to adapt batch normalisation: give 1 to {MOST_IMAGES} training images")
    normalisations = [x for x in classifier.backbone_layers if isinstance(x, keras.layers.BatchNormalization)]
    dropouts = [x for x in classifier.model.layers if isinstance(x, keras.layers.Dropout)]
    momenta, rates = [x.momentum for x in normalisations], [x.rate for x in dropouts]
    for layer in dropouts:
        layer.rate = 0.0
    for begin in range(0, len(pixels), BATCH) if normalisations else ():
        batch = np.asarray(pixels[begin : begin + BATCH])[..., None]
        for layer in normalisations:
            layer.trainable = True  # or it would use the statistics instead of updating them
            layer.momentum = begin / (begin + len(batch))  # cumulative mean: the first batch replaces what was there
        classifier.model(batch, training=True)
    for layer, momentum in zip(normalisations, momenta, strict=True):
        layer.momentum, layer.trainable = momentum, False
    for layer, rate in zip(dropouts, rates, strict=True):
        layer.rate = rate
    classifier.batch_normalisation_images = len(pixels) if normalisations else 0
