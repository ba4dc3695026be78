"""The project's training loop on a fixed schedule, for the benchmarks of training."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lung_cxr.models.classifier import Classifier, build_classifier
from lung_cxr.models.freezing import MAX_ADAPTATION_IMAGES, adapt_batch_normalisation
from lung_cxr.parameters import BackboneParameters, TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.loop import FineTuning
from lung_cxr.training.run.checkpoint import CheckpointFolder
from lung_cxr.training.strategies.schedule import Schedule
from lung_cxr.training.strategies.strategy import Strategy
from plain_keras import DECAY

SEED = 2024


@dataclass(kw_only=True)
class ForcedUnfreezing(Schedule):
    """Unfreezes by plan, and restores the best weights as in Algorithm 1; losses have no influence on the plan.

    Attributes:
        plan: (m, epochs) of each stage.
        decay: Relative decrease of the learning rate at each unfreezing (Eq. 12).
    """

    plan: Sequence[Sequence[int]]
    decay: float

    @property
    def stage_learning_rate(self) -> float:
        return self.initial_learning_rate * (1 - self.decay) ** self.stage

    @property
    def current_patience(self) -> int | None:
        return None

    def at_final_plateau(self) -> bool:
        return False

    def wants_next_stage(self) -> bool:
        return self.epoch == sum(epochs for _, epochs in self.plan[: self.stage + 1])

    def groups_of_next_stage(self) -> int:
        return self.plan[self.stage][0]


class Forced(Strategy[Any]):
    """The strategy of `ForcedUnfreezing`.

    Args:
        plan: (m, epochs) of each stage.
    """

    def __init__(self, plan: Sequence[Sequence[int]]):
        self.plan = plan

    def schedule(self, layer_groups: int, training: TrainingParameters) -> ForcedUnfreezing:  # noqa: ARG002
        return ForcedUnfreezing(
            max_epochs=sum(epochs for _, epochs in self.plan),
            initial_learning_rate=training.learning_rate,
            unfrozen_groups=self.plan[0][0],
            plan=self.plan,
            decay=DECAY,
        )


@dataclass(frozen=True)
class Bench:
    """Data and settings that all measurements share.

    Attributes:
        folder: Folder of the PNG images.
        work: Folder for files that training writes.
        images: Pixels and split.
        backbone: Architecture, size and weights.
        training: `training:` of conf/base.
        repeats: Number of repetitions of each comparison.
    """

    folder: Path
    work: Path
    images: SplitImages
    backbone: BackboneParameters
    training: TrainingParameters
    repeats: int

    def fine_tuning(
        self,
        plan: Sequence[Sequence[int]],
        *,
        bank: int | None,
        cached: bool,
        report: Callable[[list[Any]], Any] = len,
    ) -> FineTuning:
        """Return a new run of the project's own loop.

        Args:
            plan: (m, epochs) of each stage.
            bank: Copies of each minority image; None: fresh augmentation.
            cached: Use the frozen-prefix cache, empty at the start.
            report: Function to call after every epoch.
        """
        augmentation = self.training.augmentation.model_copy(update={"bank": bank})
        folder = Path(tempfile.mkdtemp(dir=self.work))
        features = FeatureFolder(folder / "frozen_features", "0" * 64, self.training.frozen_prefix)
        return FineTuning(
            classifier=self.classifier(),
            strategy=Forced(plan),
            images=self.images,
            training=self.training.model_copy(update={"augmentation": augmentation}),
            seed=SEED,
            checkpoints=CheckpointFolder(folder / "checkpoints"),
            report=report,
            features=features if cached else None,
        )

    def classifier(self) -> Classifier:
        """Build a new classifier."""
        training = self.training
        classifier = build_classifier(self.backbone, dropout=training.dropout, head=training.head, seed=SEED)
        if classifier.weights_source == "random":
            adapt_batch_normalisation(classifier, self.images.pixels[self.images.rows("train")[:MAX_ADAPTATION_IMAGES]])
        return classifier
