"""The optimiser of a stage: Keras' Adam or SGD; optional are rates per variable, warm-up, weight decay and averages.

If all of these settings are off, it is Keras' own optimiser.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from lung_cxr.models.classifier import Classifier
from lung_cxr.parameters import TrainingParameters
from lung_cxr.training.run.checkpoint import assign, values_of
from lung_cxr.training.strategies.schedule import Schedule
from lung_cxr.training.strategies.strategy import Strategy

MEMORY = 0.99
"""Momentum of the mean relative gradient norm: about the last 100 steps."""

SMALLEST_NORM = 1e-6
"""Tensors below this norm, such as zero biases, have no relative gradient norm."""


Mixin: Any = object  # for mypy: the optimiser of Keras that follows in the bases of each class below


class VariableRates(Mixin):
    """Mixin for Keras' optimisers: a learning rate per variable.

    Args:
        factors: Learning-rate factor of each trainable variable, in the order of the variables.
        adaptive: Whether the factor of each variable is multiplied by its relative gradient norm ‖g‖ / ‖θ‖, divided by
            the largest one of these variables (Auto-RGN; Lee et al., Surgical Fine-Tuning, ICLR 2023). The norms are
            running means over steps; the paper measures them once per epoch.
        warmup_steps: Steps in which the learning rate rises linearly; 0: none.
        decay: Decoupled weight decay of kernels (tensors of rank 2 or more), as a multiple of the learning rate.
    """

    def __init__(
        self,
        *args: Any,
        factors: Sequence[float],
        adaptive: Sequence[bool],
        warmup_steps: int,
        decay: float,
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        self.factors, self.adaptive = tuple(factors), tuple(adaptive)
        self.warmup_steps, self.decay = warmup_steps, decay

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Add the mean relative gradient norms to the state of the optimiser."""
        if self.built:
            return
        super().build(variables)
        if any(self.adaptive):
            self.gradient_norms = self.add_variable(
                (len(variables),), initializer="zeros", dtype="float32", name="relative_gradient_norms"
            )

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Update the mean relative gradient norms, then the variables."""
        if any(self.adaptive):
            variables = self._trainable_variables if trainable_variables is None else trainable_variables
            found = ops.stack([_relative_norm(*pair) for pair in zip(grads, variables, strict=True)])
            memory = ops.where(self.iterations == 0, 0.0, MEMORY)
            self.gradient_norms.assign(memory * self.gradient_norms + (1 - memory) * found)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable at its own learning rate."""
        index = self._get_variable_index(variable)
        rate = learning_rate * self.factors[index]
        if self.adaptive[index]:
            largest = ops.max(self.gradient_norms * ops.array(self.adaptive, "float32"))
            rate = rate * ops.divide_no_nan(self.gradient_norms[index], largest)
        if self.warmup_steps:
            step = ops.cast(self.iterations + 1, "float32")
            rate = rate * ops.minimum(1.0, step / self.warmup_steps)
        if self.decay and len(variable.shape) > 1:
            self.assign_sub(variable, variable * ops.cast(rate * self.decay, variable.dtype))
        super().update_step(gradient, variable, rate)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Keep the weights: the loop uses the averaged weights with `averaged_weights`, and trains on without them."""


class Adam(VariableRates, keras.optimizers.Adam):
    """Keras' Adam with a learning rate per variable."""


class SGD(VariableRates, keras.optimizers.SGD):
    """Keras' SGD with a learning rate per variable."""


KERAS_OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
OPTIMIZERS = {"adam": Adam, "sgd": SGD}


def make_optimizer(
    training: TrainingParameters, strategy: Strategy, schedule: Schedule, classifier: Classifier, model: keras.Model
) -> keras.optimizers.Optimizer:
    """Return a new optimiser for the trainable variables of a stage.

    Args:
        training: Kind of optimiser, weight decay, decay of the averages.
        strategy: Learning-rate factors and warm-up.
        schedule: Learning rate of the next epoch, and number of unfreezings so far.
        classifier: The network, for the depths of its variables.
        model: The model of the stage; its trainable variables get learning rates.
    """
    variables, learning_rate = model.trainable_variables, schedule.learning_rate
    depth_of = _depths(classifier)
    depths = [depth_of.get(id(variable), 0) for variable in variables]
    factors = [strategy.learning_rate_factor(depth) for depth in depths]
    adaptive = [strategy.scales_by_gradient_norm and depth > 0 for depth in depths]
    warmup_steps, decay = strategy.warmup_steps(schedule.stage), training.weight_decay
    averages = {} if training.ema_decay is None else {"use_ema": True, "ema_momentum": training.ema_decay}
    if not (any(adaptive) or warmup_steps or decay or averages) and set(factors) == {1.0}:
        return KERAS_OPTIMIZERS[training.optimizer](learning_rate)
    optimizer = OPTIMIZERS[training.optimizer](
        learning_rate, factors=factors, adaptive=adaptive, warmup_steps=warmup_steps, decay=decay, **averages
    )
    optimizer.build(variables)
    return optimizer


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Give a model the averaged weights for the length of a block, if its optimiser keeps averages."""
    optimizer = getattr(model, "optimizer", None)  # none before the first stage
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # inside the loss-scaling one of mixed_float16
    if optimizer is None or not optimizer.use_ema or not optimizer.built:
        yield
        return
    variables = model.trainable_variables
    before = values_of(variables)
    assign(variables, values_of(optimizer._model_variables_moving_average))
    try:
        yield
    finally:
        assign(variables, before)


def _depths(classifier: Classifier) -> dict[int, int]:
    """Return the id of each variable of the backbone → depth of its layer group; 1 is the group nearest the head."""
    return {
        id(variable): depth
        for depth, group in enumerate(reversed(classifier.groups), 1)
        for layer in group
        for variable in layer.weights
    }


def _relative_norm(gradient: Any, variable: Any) -> Any:
    """Return ‖g‖ / ‖θ‖ as float32; 0 without a gradient, and for a tensor of zeros."""
    if gradient is None:
        return ops.zeros(())
    of_gradient, of_variable = (
        ops.sqrt(ops.sum(ops.square(ops.cast(ops.convert_to_tensor(values), "float32"))))
        for values in (gradient, variable)
    )
    return ops.where(of_variable > SMALLEST_NORM, of_gradient / ops.maximum(of_variable, SMALLEST_NORM), 0.0)
