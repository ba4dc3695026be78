"""The fine-tuning strategies: what trains from the start, and what follows from the validation loss.

All strategies share one loop (`loop.py`), one head, one order of images and one set of augmentation draws. A
new strategy is one class here with its row in `STRATEGIES`, one class of parameters in
`lung_cxr/parameters.py`, one name in `lung_cxr/experiments.py` and one block in
`conf/base/parameters_training.yml`.
"""

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from lung_cxr.parameters import (
    BackboneParameters,
    DynamicParameters,
    FullParameters,
    GradualParameters,
    LinearProbeParameters,
    ParameterGroup,
    TraditionalParameters,
    TrainingParameters,
    TwoStageParameters,
)
from lung_cxr.training.strategies.planned import FixedDepth, HeadFirst, PlannedUnfreezing
from lung_cxr.training.strategies.schedule import Schedule
from lung_cxr.training.strategies.unfreezing import Unfreezing

if TYPE_CHECKING:  # importing Keras takes seconds
    from lung_cxr.models.classifier import Classifier


class Strategy(Protocol):
    """How one strategy differs from the others."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> Schedule:
        """Return the decisions of a new run over `layer_groups` groups."""

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:
        """Make the head and what this strategy trains at m = `unfrozen_groups` trainable, all else frozen."""


Settings = TypeVar("Settings", bound=ParameterGroup)


class DeepestGroups(Generic[Settings]):
    """What most strategies open: the m groups nearest the head."""

    def __init__(self, parameters: Settings, backbone: BackboneParameters):  # noqa: ARG002
        self.parameters = parameters

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:
        """U of Eq. 9: the deepest m groups."""
        from lung_cxr.models.freezing import unfreeze_groups

        unfreeze_groups(classifier, unfrozen_groups)


class Dynamic(DeepestGroups[DynamicParameters]):
    """Validation-driven unfreezing (Algorithm 1, Table 4)."""

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


class Traditional:
    """The top n Keras layers train from the first epoch to the last (Table 3).

    Attributes:
        top_layers: n.
        candidates: Layer groups to choose n from (`depth_search.py`); empty: n is as it stands.
    """

    def __init__(self, parameters: TraditionalParameters, backbone: BackboneParameters):
        self.parameters, self.backbone = parameters, backbone
        self.top_layers = backbone.top_layers
        self.candidates = parameters.search_depths if parameters.depth == "search" else []

    def at(self, top_layers: int) -> "Traditional":
        """Return the same strategy at another n."""
        return Traditional(self.parameters, self.backbone.model_copy(update={"top_layers": top_layers}))

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


class LinearProbe(DeepestGroups[LinearProbeParameters]):
    """The head alone: what the frozen features are good for."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedDepth:  # noqa: ARG002
        """Return early stopping at m = 0."""
        return FixedDepth(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            stop_patience=self.parameters.stop_patience,
        )


class TwoStage(DeepestGroups[TwoStageParameters]):
    """The head, then everything: what the paper calls conventional two-stage fine-tuning (sections I, II)."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> HeadFirst:
        """Return m = 0, then m = L with early stopping."""
        return HeadFirst(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            stop_patience=self.parameters.stop_patience,
            head_patience=self.parameters.head_patience,
            head_epochs=self.parameters.head_epochs,
            layer_groups=layer_groups,
        )


class Gradual(DeepestGroups[GradualParameters]):
    """Groups unfrozen by plan, deepest first (Howard and Ruder, ULMFiT, ACL 2018, section 3.3)."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> PlannedUnfreezing:
        """Return k groups every e epochs, then early stopping."""
        return PlannedUnfreezing(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            stop_patience=self.parameters.stop_patience,
            step=self.parameters.step,
            every=self.parameters.every,
            layer_groups=layer_groups,
        )


class Full(DeepestGroups[FullParameters]):
    """Everything trains from the first epoch to the last."""

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedDepth:
        """Return early stopping at m = L."""
        return FixedDepth(
            max_epochs=training.max_epochs,
            initial_learning_rate=training.learning_rate,
            stop_patience=self.parameters.stop_patience,
            unfrozen_groups=layer_groups,
        )


STRATEGIES: dict[str, type] = {
    "dynamic": Dynamic,
    "traditional": Traditional,
    "linear_probe": LinearProbe,
    "two_stage": TwoStage,
    "gradual": Gradual,
    "full": Full,
}
"""The parameter `kind` → its class."""


def strategy_of(parameters: ParameterGroup, backbone: BackboneParameters) -> Strategy:
    """Return the strategy that a block of `strategies:` describes."""
    return STRATEGIES[parameters.kind](parameters, backbone)  # type: ignore[attr-defined]
