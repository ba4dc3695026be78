"""Traditional fine-tuning: the top n Keras layers train from the first epoch to the last (Table 3)."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lung_cxr.parameters import ParameterGroup, StopPatience, TrainingParameters
from lung_cxr.training.strategies.schedule import FixedSchedule
from lung_cxr.training.strategies.strategy import Strategy

if TYPE_CHECKING:  # importing Keras takes seconds
    from lung_cxr.models.classifier import Classifier


class TraditionalParameters(ParameterGroup):
    """Settings of traditional fine-tuning."""

    kind: Literal["traditional"]
    depth: Literal["table3", "search"] = Field(
        description="n of Table 3 (`top_layers` of the backbone), or the best of search_depths on validation (IV.G)"
    )
    search_depths: list[Annotated[int, Field(ge=0)]] = Field(
        min_length=1, description="candidates of `search`: numbers of layer groups; the same for every backbone"
    )
    stop_patience: StopPatience


class Traditional(Strategy[TraditionalParameters]):
    """Opens the n Keras layers nearest the head, across the borders of layer groups."""

    pipeline = "training"
    parameters_type = TraditionalParameters

    @property
    def top_layers(self) -> int:
        """Number n of Keras layers that train."""
        return self.backbone.top_layers

    @property
    def candidates(self) -> list[int]:
        """Numbers of layer groups to choose n from (`depth_search.py`); empty: n is that of the backbone."""
        return self.parameters.search_depths if self.parameters.depth == "search" else []

    def at(self, top_layers: int) -> "Traditional":
        """Return the same strategy with another n."""
        return Traditional(self.parameters, self.backbone.model_copy(update={"top_layers": top_layers}))

    def schedule(self, layer_groups: int, training: TrainingParameters) -> FixedSchedule:  # noqa: ARG002
        """Return a fixed schedule with early stopping."""
        return FixedSchedule(**self.fixed_settings(training))

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:  # noqa: ARG002
        """Make the head and the last n layers of the backbone trainable, and freeze the rest."""
        from lung_cxr.models.freezing import unfreeze_top_layers

        unfreeze_top_layers(classifier, self.top_layers)
