"""Training losses: cross-entropy, and three losses for classes of very different size.

A loss takes class indices (B,) and logits (B, 7) and returns (B,) values in nats; Keras multiplies them by the loss
weights and takes the mean. Losses act in training only. Validation, and thus every schedule, always uses the unweighted
cross-entropy (Eq. 5) of the unchanged logits, so that runs with different losses compare.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from lung_cxr.parameters import Sampling, TrainingParameters
from lung_cxr.training.data.class_weights import loss_weights, sampling_shares

SMALLEST = 1e-7
"""Smallest 1 − p of the focal loss, so that its gradient is finite for γ < 1."""


class Focal(keras.losses.Loss):
    """Focal loss −(1 − p)^γ · ln p of the true class (Lin et al., ICCV 2017, Eq. 4).

    The class weights α of Eq. 5 are `loss_weights`.

    Args:
        gamma: γ ≥ 0; 0 is cross-entropy.
    """

    def __init__(self, gamma: float, **kwargs: Any):
        super().__init__(name="focal", **kwargs)
        self.gamma = gamma

    def call(self, y_true, y_pred):
        """Return (B,) losses."""
        cross_entropy = _cross_entropy(y_true, y_pred)
        wrong = ops.maximum(-ops.expm1(-cross_entropy), SMALLEST)  # 1 − p
        return wrong**self.gamma * cross_entropy


class LogitAdjusted(keras.losses.Loss):
    """Cross-entropy of logits + τ · ln π (Menon et al., Long-tail learning via logit adjustment, ICLR 2021, Eq. 10).

    The unchanged logits, which predict, then minimise the balanced error.

    Args:
        adjustment: (7,) τ · ln π, from `logit_adjustment`.
    """

    def __init__(self, adjustment: np.ndarray, **kwargs: Any):
        super().__init__(name="logit_adjusted", **kwargs)
        self.adjustment = adjustment

    def call(self, y_true, y_pred):
        """Return (B,) losses."""
        return _cross_entropy(y_true, y_pred + ops.cast(self.adjustment, y_pred.dtype))


class LabelDistributionAwareMargin(keras.losses.Loss):
    """Cross-entropy with a margin that the logit of the true class has to exceed (LDAM; Cao et al., NeurIPS 2019).

    Cao et al. also normalise the features and the weights of the last layer and scale the logits by 30. Here the
    head is the same for all losses, and its logits keep their scale.

    Args:
        margins: (7,) Δ, from `class_margins`.
    """

    def __init__(self, margins: np.ndarray, **kwargs: Any):
        super().__init__(name="ldam", **kwargs)
        self.margins = margins

    def call(self, y_true, y_pred):
        """Return (B,) losses."""
        true_class = ops.one_hot(_indices(y_true), y_pred.shape[-1], dtype=y_pred.dtype)
        return _cross_entropy(y_true, y_pred - true_class * ops.cast(self.margins, y_pred.dtype))


def make_loss(training: TrainingParameters, counts: np.ndarray, sampling: Sampling) -> keras.losses.Loss:
    """Return the loss of a stage.

    Args:
        training: `loss` and `loss_settings`.
        counts: (7,) int, training images by class.
        sampling: Sampling of the stage, which gives the π of the logit adjustment.
    """
    settings = training.loss_settings
    if training.loss == "focal":
        return Focal(settings.focal_gamma)
    if training.loss == "logit_adjusted":
        return LogitAdjusted(logit_adjustment(sampling_shares(counts, sampling), settings.logit_adjustment))
    if training.loss == "ldam_drw":
        return LabelDistributionAwareMargin(class_margins(counts, settings.ldam_margin))
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def logit_adjustment(shares: np.ndarray, tau: float) -> np.ndarray:
    """Return (7,) float64: τ · ln π; a class without training images gets the π of the rarest class.

    Args:
        shares: (7,) π, share of each class among the training samples.
        tau: τ.
    """
    return tau * np.log(np.where(shares > 0, shares, shares[shares > 0].min()))


def class_margins(counts: np.ndarray, largest: float) -> np.ndarray:
    """Return (7,) float64: margin Δ ∝ n^(−1/4) of each class; 0 for a class without training images.

    Args:
        counts: (7,) int, training images by class.
        largest: Margin of the rarest class.
    """
    present = counts > 0
    margins = np.where(present, np.maximum(counts, 1) ** -0.25, 0.0)
    return largest * margins / margins.max()


def loss_weights_of_epoch(training: TrainingParameters, counts: np.ndarray, epoch: int) -> np.ndarray:
    """Return (7,) float64: the loss weight of each class in an epoch.

    With `ldam_drw` the re-weighting is deferred (DRW): before `reweighting_epoch` all classes have the same weight.

    Args:
        training: `loss`, `loss_weights` and `loss_settings`.
        counts: (7,) int, training images by class.
        epoch: 1, 2, …
    """
    settings = training.loss_settings
    deferred = training.loss == "ldam_drw" and epoch < settings.reweighting_epoch
    return loss_weights(counts, "none" if deferred else training.loss_weights, settings.effective_number_beta)


def warnings_of_reweighting(training: TrainingParameters, epochs: int) -> list[str]:
    """Return a warning if a run with `ldam_drw` ended before its classes were re-weighted."""
    begin = training.loss_settings.reweighting_epoch
    if training.loss != "ldam_drw" or epochs >= begin:
        return []
    return [
        f"ldam_drw: the run ended after epoch {epochs}, before the re-weighting of the classes from epoch {begin} on"
    ]


def _cross_entropy(y_true: Any, logits: Any) -> Any:
    return keras.losses.sparse_categorical_crossentropy(_indices(y_true), logits, from_logits=True)


def _indices(y_true: Any) -> Any:
    """Return (B,) int32; Keras passes class indices as floats."""
    return ops.reshape(ops.cast(y_true, "int32"), (-1,))
