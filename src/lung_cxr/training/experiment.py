"""What is trained: one backbone under one strategy, on one split."""

from dataclasses import dataclass
from pathlib import Path

from lung_cxr.parameters import BackboneParameters, StrategyParameters, TrainingParameters
from lung_cxr.training.data.feed import SplitImages
from lung_cxr.training.frozen.feature_cache import FeatureFolder
from lung_cxr.training.run.identity import Identity, identity_of_plan


@dataclass(frozen=True)
class Experiment:
    """One backbone under one strategy.

    Attributes:
        backbone_name, strategy_name: The cell of the grid.
        backbone, strategy, training: Its settings.
        images: Pixels and split.
        data_hashes: `split_sha256` and `pixel_sha256`.
        synthetic: Whether any image was drawn by a program; None: not known.
        feature_folder: Where all runs of the backbone keep what frozen layers compute; None: nowhere.
    """

    backbone_name: str
    strategy_name: str
    backbone: BackboneParameters
    strategy: StrategyParameters
    training: TrainingParameters
    images: SplitImages
    data_hashes: dict[str, str]
    synthetic: bool | None = None
    feature_folder: Path | None = None

    @property
    def features(self) -> FeatureFolder | None:
        """The kept features of this data."""
        if self.feature_folder is None:
            return None
        data = " ".join(self.data_hashes.values())
        return FeatureFolder(self.feature_folder, data, self.training.frozen_prefix)

    def identity(self, seed: int) -> Identity:
        """Return the identity of one seed's run, without its weights."""
        return identity_of_plan(
            self.backbone_name,
            self.strategy_name,
            seed,
            self.backbone,
            self.strategy,
            self.training,
            self.data_hashes,
        )
