"""Average of a fine-tuned network with its linear probe (WiSE-FT: Wortsman et al. 2022, "Robust fine-tuning").

The linear probe is the initial backbone with the head at its optimum on frozen features, as in `head_start.py`.
"""

import logging
from collections.abc import Sequence

import keras
import numpy as np

from lung_cxr.evaluation.undefined import Numbers
from lung_cxr.models.classifier import Classifier
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.run.checkpoint import assign, values_of
from lung_cxr.training.validation import predict_logits, validate

SHARES = tuple(tenths / 10 for tenths in range(11))  # α; 1 is the fine-tuned network alone

log = logging.getLogger(__name__)


def average_with_probe(
    classifier: Classifier, probe: Sequence[np.ndarray], images: SplitImages, batch_size: int
) -> dict[str, float | Numbers]:
    """Set the weights to α · fine-tuned + (1 − α) · linear probe, with the α of the lowest validation loss.

    Of equal losses the larger α wins.

    Args:
        classifier: The fine-tuned classifier; changed in place.
        probe: Weights of the linear probe, in the order of the classifier's.
        images: Pixels and split.
        batch_size: Images.

    Returns:
        For the run record: `head_average_alpha`, and `head_average_val_losses` by α.
    """
    weights: Sequence[keras.Variable] = classifier.model.weights
    tuned, rows = values_of(weights), images.rows("validation")

    def loss_at(alpha: float) -> float:
        assign(weights, [alpha * one + (1 - alpha) * other for one, other in zip(tuned, probe, strict=True)])
        return validate(predict_logits(classifier.model, images, rows, batch_size), images.labels_of("validation")).loss

    losses = {alpha: loss_at(alpha) for alpha in SHARES}
    best = min(reversed(SHARES), key=lambda alpha: losses[alpha] if np.isfinite(losses[alpha]) else np.inf)
    loss_at(best)
    log.info("Average with the linear probe: alpha %.1f, validation loss %.3f", best, losses[best])
    return {
        "head_average_alpha": best,
        "head_average_val_losses": {f"{alpha:.1f}": loss for alpha, loss in losses.items()},
    }
