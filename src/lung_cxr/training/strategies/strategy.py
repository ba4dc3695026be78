"""Base class of the strategies. Each strategy is one file of this folder; `registry.py` finds it there.

All strategies share one loop (`training/loop.py`), one head, one sampling order, one set of augmentation parameters,
one seed and one budget of epochs.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from lung_cxr.parameters import BackboneParameters, ParameterGroup, Sampling, TrainingParameters
from lung_cxr.training.strategies.schedule import Schedule

if TYPE_CHECKING:  # importing Keras takes seconds
    from lung_cxr.models.classifier import Classifier

Parameters = TypeVar("Parameters", bound=ParameterGroup)


class Strategy(ABC, Generic[Parameters]):
    """A fine-tuning strategy: the schedule of a run, and the layers that train in each of its stages.

    Attributes:
        pipeline: `training` for the strategies that the paper compares, `baselines` for all others.
        scales_by_gradient_norm: Whether the learning rate of each tensor of the backbone follows its relative gradient
            norm.
        parameters_type: Model of its block in `strategies:` of `conf/base/parameters_training.yml`.
        parameters: The values of that block.
        backbone: Settings of the backbone.
    """

    pipeline: ClassVar[Literal["training", "baselines"]] = "baselines"
    parameters_type: ClassVar[type[ParameterGroup]]
    scales_by_gradient_norm: ClassVar[bool] = False

    def __init__(self, parameters: Parameters, backbone: BackboneParameters):
        self.parameters, self.backbone = parameters, backbone

    @abstractmethod
    def schedule(self, layer_groups: int, training: TrainingParameters) -> Schedule:
        """Return the schedule of a new run on a backbone with `layer_groups` layer groups (L)."""

    def open_layers(self, classifier: "Classifier", unfrozen_groups: int) -> None:
        """Make the head and the deepest `unfrozen_groups` layer groups (U of Eq. 9) trainable, and freeze the rest."""
        from lung_cxr.models.freezing import unfreeze_groups

        unfreeze_groups(classifier, unfrozen_groups)

    def learning_rate_factor(self, depth: int) -> float:  # noqa: ARG002
        """Return the learning rate of a layer group relative to the head.

        Args:
            depth: 0 for the head, 1 for the group nearest the head, … L.
        """
        return 1.0

    @property
    def fits_head_first(self) -> bool:
        """Whether the head starts at its optimum on frozen features, see `training/head_start.py`."""
        return False

    @property
    def averages_with_head(self) -> bool:
        """Whether the final weights are averaged with the linear probe, see `training/head_average.py`."""
        return False

    def sampling(self, stage: int, training: TrainingParameters) -> Sampling:  # noqa: ARG002
        """Return the sampling of a stage: that of `training:` unless the strategy has its own."""
        return training.sampling

    def warmup_steps(self, stage: int) -> int:  # noqa: ARG002
        """Return the number of steps of a stage in which the learning rate rises linearly."""
        return 0

    def common_settings(self, training: TrainingParameters) -> dict[str, Any]:
        """Return the settings that every schedule needs."""
        return {
            "max_epochs": training.max_epochs,
            "initial_learning_rate": training.learning_rate,
            "annealing": training.learning_rate_schedule,
        }

    def fixed_settings(self, training: TrainingParameters) -> dict[str, Any]:
        """Return the settings that every fixed schedule needs."""
        return {**self.common_settings(training), "stop_patience": self.parameters.stop_patience}  # type: ignore[attr-defined]
