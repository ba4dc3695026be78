"""The fine-tuning strategies: what trains from the start, and what follows from the validation loss.

All strategies share one loop (`loop.py`), one head, one order of images and one set of augmentation draws. A
new strategy is one class here with its row in `STRATEGIES`, one class of parameters in
`lung_cxr/parameters.py`, one name in `lung_cxr/experiments.py` and one block in
`conf/base/parameters_training.yml`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lung_cxr.parameters import (
    BackboneParameters,
    DynamicParameters,
    ParameterGroup,
    TraditionalParameters,
    TrainingParameters,
)
from lung_cxr.training.schedule import Schedule
from lung_cxr.training.unfreezing import Unfreezing

if TYPE_CHECKING:  # importing Keras takes seconds
    from lung_cxr.models.classifier import Classifier


class Strategy(Protocol):
    """How one strategy differs from the others."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> Schedule:
        """Return the decisions of a new run over `layer_groups` groups."""

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:
        """Make the head and what this strategy trains at m = `unfrozen_groups` trainable, all else frozen."""


@dataclass(kw_only=True)
class FixedDepth(Schedule):
    """Nothing is unfrozen on the way: train until patience runs out, or to n.

    Attributes:
        stop_patience: Epochs without improvement; None: never.
    """

    stop_patience: int | None

    @property
    def learning_rate(self) -> float:
        """The same throughout."""
        return self.initial_learning_rate

    def at_final_plateau(self) -> bool:
        """Patience has run out."""
        return self.stop_patience is not None and self.patience_counter >= self.stop_patience

    def wants_unfreezing(self) -> bool:
        """Never."""
        return False

    def groups_after_unfreezing(self) -> int:
        """Unchanged."""
        return self.unfrozen_groups


class Dynamic:
    """Validation-driven unfreezing (Algorithm 1, Table 4)."""

    def __init__(self, parameters: DynamicParameters, backbone: BackboneParameters):  # noqa: ARG002
        self.parameters = parameters

    def schedule(self, layer_groups: int, training: TrainingParameters) -> Unfreezing:
        """Return Algorithm 1's decisions."""
        return Unfreezing(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            patience=self.parameters.patience,
            step=self.parameters.step,
            decay=self.parameters.decay,
            layer_groups=layer_groups,
            at_full_depth=self.parameters.at_full_depth,
        )

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:
        """U of Eq. 9: the deepest m groups."""
        from lung_cxr.models.freezing import unfreeze_groups

        unfreeze_groups(classifier, unfrozen_groups)


class Traditional:
    """The top n Keras layers train from the first epoch to the last (Table 3)."""

    def __init__(self, parameters: TraditionalParameters, backbone: BackboneParameters):
        self.parameters = parameters
        self.top_layers = backbone.top_layers

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedDepth:  # noqa: ARG002
        """Return early stopping."""
        return FixedDepth(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            stop_patience=self.parameters.stop_patience,
        )

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:  # noqa: ARG002
        """The n layers nearest the head, whatever groups they belong to."""
        from lung_cxr.models.freezing import unfreeze_top_layers

        unfreeze_top_layers(classifier, self.top_layers)


STRATEGIES: dict[str, type] = {"dynamic": Dynamic, "traditional": Traditional}
"""The parameter `kind` → its class."""


def strategy_of(parameters: ParameterGroup, backbone: BackboneParameters) -> Strategy:
    """Return the strategy that a block of `strategies:` describes."""
    return STRATEGIES[parameters.kind](parameters, backbone)  # type: ignore[attr-defined]
